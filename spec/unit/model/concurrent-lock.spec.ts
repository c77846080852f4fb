import { describe, expect, it } from '@jest/globals'
import { ConcurrentLock, InvalidLockError, Timestamp } from '../../../lib/index.js'

const created = Timestamp.parse('2023-01-01 12:34:56.123456')
const fields = { concurrency: 2, owner: 'user@host [123]', ttl: 60 }
const dict = { concurrency: 2, created: String(created), owner: 'user@host [123]', ttl: 60 }

const badFields = [
  ['concurrency', -1, 'a non-negative integer, got -1.'],
  ['concurrency', 1.5, 'a non-negative integer, got 1.5.'],
  ['concurrency', NaN, 'a non-negative integer, got NaN.'],
  ['concurrency', Infinity, 'a non-negative integer, got Infinity.'],
  ['concurrency', '1', 'a non-negative integer, got "1".'],
  ['concurrency', true, 'a non-negative integer, got true.'],
  ['concurrency', null, 'a non-negative integer, got null.'],
  ['concurrency', undefined, 'a non-negative integer, got undefined.'],
  ['concurrency', 2 ** 53, 'a non-negative integer, got 9007199254740992.'],
  ['ttl', 0, 'a positive integer of seconds, at most 9000000000, got 0.'],
  ['ttl', -1, 'a positive integer of seconds, at most 9000000000, got -1.'],
  ['ttl', 1.5, 'a positive integer of seconds, at most 9000000000, got 1.5.'],
  ['ttl', '10', 'a positive integer of seconds, at most 9000000000, got "10".'],
  ['ttl', 9e9 + 1, 'a positive integer of seconds, at most 9000000000, got 9000000001.'],
  ['ttl', undefined, 'a positive integer of seconds, at most 9000000000, got undefined.'],
  ['owner', '', 'a non-empty string of well-formed Unicode, got "".'],
  ['owner', 7, 'a non-empty string of well-formed Unicode, got 7.'],
  ['owner', '\ud800', 'a non-empty string of well-formed Unicode, got "\\ud800".'],
  ['owner', ['a'], 'a non-empty string of well-formed Unicode, got an array.'],
  ['owner', { toString: 1 }, 'a non-empty string of well-formed Unicode, got an object.'],
  ['ttl', 'x'.repeat(1_000), `a positive integer of seconds, at most 9000000000, got "${'x'.repeat(199)}….`],
] as const

/** Of what is found in etcd. */
const READABLE = {
  concurrency: {
    expected: 'a non-negative number',
    is: (value: unknown) => typeof value === 'number' && value >= 0 && value < Infinity,
  },
  owner: { expected: 'a string', is: (value: unknown) => typeof value === 'string' },
  ttl: {
    expected: 'a positive number of seconds',
    is: (value: unknown) => typeof value === 'number' && value > 0,
  },
}

function invalid(field: string, end: string): Error {
  const message = `Unable to create concurrent lock, argument '${field}' must be ${end}`
  return expect.objectContaining({ code: 'INVALID_LOCK', message }) as unknown as Error
}

describe('new ConcurrentLock', () => {
  it('makes up an id of its own and is created now', () => {
    const before = Timestamp.now()
    const one = new ConcurrentLock(fields)
    const other = new ConcurrentLock(fields)
    expect(one.uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(other.uuid).not.toBe(one.uuid)
    expect(one.created.isBefore(before)).toBe(false)
    expect(Timestamp.now().isBefore(one.created)).toBe(false)
  })

  it.each([
    ['concurrency', 0],
    ['concurrency', Number.MAX_SAFE_INTEGER],
    ['ttl', 1],
    ['ttl', 9e9],
    ['owner', 'jörg@🖥 "quoted"'],
    ['uuid', 'any text'],
  ])('takes %s %j', (field, value) => {
    expect(new ConcurrentLock({ ...fields, [field]: value })).toMatchObject({ [field]: value })
  })

  it.each([
    ...badFields,
    ['uuid', '', 'a non-empty string, got "".'],
    ['uuid', 7, 'a non-empty string, got 7.'],
    ['created', null, 'a Timestamp, got null.'],
    ['created', { toString: 1 }, 'a Timestamp, got an object.'],
    ['created', '2023-01-01 12:34:56', 'a Timestamp, got "2023-01-01 12:34:56".'],
  ] as const)('refuses %s %j', (field, value, end) => {
    const attempt = (): unknown => new ConcurrentLock({ ...fields, [field]: value })
    expect(attempt).toThrow(InvalidLockError)
    expect(attempt).toThrow(invalid(field, end))
  })

  it('refuses a time in the future', () => {
    const future = Timestamp.now().plusSeconds(60)
    expect(() => new ConcurrentLock({ ...fields, created: future })).toThrow(
      invalid('created', `a time that is not in the future, got "${String(future)}".`),
    )
  })
})

describe('new ConcurrentLock at a time that cannot be written', () => {
  it.each([10n ** 18n, -(10n ** 18n), 10n ** 30n])('refuses %s µs', micros => {
    expect(() => new ConcurrentLock({ ...fields, created: new Timestamp(micros) })).toThrow(
      invalid('created', `a time in the years 1 to 9999, got "${micros} µs".`),
    )
  })
})

describe('ConcurrentLock.fromDict', () => {
  it('is what toDict was', () => {
    const lock = ConcurrentLock.fromDict('id', dict)
    expect(lock).toMatchObject({ uuid: 'id', ...fields })
    expect(lock.created.equals(created)).toBe(true)
    expect(lock.toDict()).toEqual(dict)
    expect(Object.keys(lock.toDict())).toEqual(['concurrency', 'created', 'owner', 'ttl'])
    expect(String(lock)).toBe(JSON.stringify(dict))
  })

  it('takes a time without an offset as UTC', () => {
    const lock = ConcurrentLock.fromDict('id', { ...dict, created: '2023-01-01 12:34:56.123456' })
    expect(lock.created.equals(created)).toBe(true)
  })

  it('takes a time in the future: the clock of another host may run ahead', () => {
    const future = Timestamp.now().plusSeconds(3_600)
    const lock = ConcurrentLock.fromDict('id', { ...dict, created: String(future) })
    expect(lock.created.equals(future)).toBe(true)
  })

  it.each([
    ['concurrency', 2.5],
    ['concurrency', 1e300],
    ['owner', ''],
    ['owner', '\ud800'],
    ['ttl', 60.5],
    ['ttl', 0.001],
    ['ttl', 1e10],
    ['ttl', 1e300],
    ['ttl', Number.MAX_VALUE],
  ])('reads %s %j, which is not written here, and gives it back as it was', (field, value) => {
    const lock = ConcurrentLock.fromDict('id', { ...dict, [field]: value })
    expect(lock).toMatchObject({ [field]: value })
    expect(lock.toDict()).toEqual({ ...dict, [field]: value })
    expect(lock.expiresAt.toISO()).toMatch(/^\d{4}-/)
  })

  it.each([
    ['2023-01-01 13:34:56.123456+01:00:30', '2023-01-01 12:34:26.123456+00:00'],
    ['9999-12-31 23:59:59+00:00', '9999-12-31 23:59:59+00:00'],
    ['0001-01-01 00:00:00+00:00', '0001-01-01 00:00:00+00:00'],
  ])('reads a created of %s', (text, utc) => {
    const lock = ConcurrentLock.fromDict('id', { ...dict, created: text })
    expect(lock.toDict().created).toBe(utc)
    expect(lock.expiresAt.toISO()).toMatch(/^\d{4}-/)
  })

  it.each([
    ['9999-12-31 23:59:59-00:01', '9999-12-31T23:59:59.999999Z'],
    ['0001-01-01 00:00:00+00:01', '0001-01-01T00:00:00.000000Z'],
  ])('reads a created of %s, which is in no year of UTC, and gives it back as it was', (text, nearest) => {
    const lock = ConcurrentLock.fromDict('id', { ...dict, created: text })
    expect(lock.created.toISO()).toBe(nearest)
    expect(lock.toDict()).toEqual({ ...dict, created: text })
    lock.updateCreated(created)
    expect(lock.toDict()).toEqual(dict)
  })

  it('reads an empty id', () => {
    expect(ConcurrentLock.fromDict('', dict)).toMatchObject({ uuid: '', ...fields })
  })

  it.each([
    ...badFields.flatMap(([field, value]) => {
      const read = READABLE[field]
      return read.is(value) ? [] : [[field, value, `${read.expected}, got `] as const]
    }),
    ['created', 'invalid', 'a time like 2023-07-16 16:46:52.161053+00:00, got "invalid".'],
    ['created', 7, 'a time like 2023-07-16 16:46:52.161053+00:00, got 7.'],
    ['created', undefined, 'a time like 2023-07-16 16:46:52.161053+00:00, got undefined.'],
    ['extra', 7, 'one of concurrency, created, owner, ttl, got 7.'],
  ] as const)('refuses %s %j', (field, value, end) => {
    const read = (): unknown => ConcurrentLock.fromDict('id', { ...dict, [field]: value })
    expect(read).toThrow(InvalidLockError)
    expect(read).toThrow(`argument '${field}' must be ${end}`)
  })

  it.each([null, undefined, [], 'text', 7])('refuses %j, which is no object', value => {
    expect(() => ConcurrentLock.fromDict('id', value)).toThrow(InvalidLockError)
    expect(() => ConcurrentLock.fromDict('id', value)).toThrow('expected an object')
  })
})

describe('ConcurrentLock.toWrite', () => {
  it('is what is written, as held since any time', () => {
    const future = Timestamp.now().plusSeconds(3_600)
    const lock = ConcurrentLock.toWrite('id', { ...fields, created: future })
    expect(lock.toDict()).toEqual({ ...dict, created: String(future) })
  })

  it.each(badFields)('refuses %s %j', (field, value, end) => {
    const wanted = { ...fields, created, [field]: value }
    expect(() => ConcurrentLock.toWrite('id', wanted)).toThrow(invalid(field, end))
  })
})

describe('a ConcurrentLock', () => {
  it('expires ttl seconds after it was created', () => {
    expect(String(ConcurrentLock.fromDict('id', dict).expiresAt)).toBe('2023-01-01 12:35:56.123456+00:00')
  })

  it('can begin anew', () => {
    const lock = ConcurrentLock.fromDict('id', dict)
    expect(String(lock)).toContain('"2023-01-01 12:34:56.123456+00:00"')
    lock.updateCreated(created.plusSeconds(1))
    expect(String(lock.created)).toBe('2023-01-01 12:34:57.123456+00:00')
    expect(String(lock)).toBe(JSON.stringify(lock.toDict()))
    lock.updateCreated()
    expect(lock.created.secondsUntil(Timestamp.now())).toBeLessThan(10)
  })
})
