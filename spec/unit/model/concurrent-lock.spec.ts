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
    ...badFields,
    ['created', 'invalid', 'a time like 2023-07-16 16:46:52.161053+00:00, got "invalid".'],
    ['created', 7, 'a time like 2023-07-16 16:46:52.161053+00:00, got 7.'],
    ['created', undefined, 'a time like 2023-07-16 16:46:52.161053+00:00, got undefined.'],
    ['extra', 7, 'one of concurrency, created, owner, ttl, got 7.'],
  ] as const)('refuses %s %j', (field, value, end) => {
    expect(() => ConcurrentLock.fromDict('id', { ...dict, [field]: value })).toThrow(invalid(field, end))
  })

  it.each([null, undefined, [], 'text', 7])('refuses %j, which is no object', value => {
    expect(() => ConcurrentLock.fromDict('id', value)).toThrow(InvalidLockError)
    expect(() => ConcurrentLock.fromDict('id', value)).toThrow('expected an object')
  })

  it('refuses an empty id', () => {
    expect(() => ConcurrentLock.fromDict('', dict)).toThrow(invalid('uuid', 'a non-empty string, got "".'))
  })
})

describe('a ConcurrentLock', () => {
  it('expires ttl seconds after it was created', () => {
    expect(String(ConcurrentLock.fromDict('id', dict).expiresAt)).toBe('2023-01-01 12:35:56.123456+00:00')
  })

  it('can begin anew', () => {
    const lock = ConcurrentLock.fromDict('id', dict)
    lock.updateCreated(created.plusSeconds(1))
    expect(String(lock.created)).toBe('2023-01-01 12:34:57.123456+00:00')
    lock.updateCreated()
    expect(lock.created.secondsUntil(Timestamp.now())).toBeLessThan(10)
  })
})
