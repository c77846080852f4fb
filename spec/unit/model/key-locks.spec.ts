import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  ConcurrentLock,
  KeyLocks,
  LockExistingError,
  LockUnavailableError,
  LockUnreadableError,
  LockUnwritableError,
  Timestamp,
} from '../../../lib/index.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { anyText } from '../../support/any-text.js'

const key = '/spicerack/locks/custom/test.key'
const now = Timestamp.parse('2023-07-16 16:46:52.161053')
const ttl = 60

/** A lock that began so many seconds before `now`. */
function lock(uuid: string, concurrency: number, age = 10): ConcurrentLock {
  const created = String(now.plusSeconds(-age))
  return ConcurrentLock.fromDict(uuid, { concurrency, created, owner: `owner of ${uuid}`, ttl })
}

/** Holders a, b, c… with these limits. */
function held(...limits: number[]): KeyLocks {
  return new KeyLocks(
    key,
    limits.map((limit, index) => lock(String.fromCharCode(97 + index), limit)),
  )
}

const ids = (locks: KeyLocks): string[] => [...locks.locks.keys()]

describe('KeyLocks.add', () => {
  it.each([
    [[], 0, true],
    [[], 1, true],
    [[0], 0, true],
    [[0], 1, false],
    [[0], 2, true],
    [[1], 0, false],
    [[1], 1, false],
    [[1], 5, false],
    [[2], 0, true],
    [[2], 1, false],
    [[2], 2, true],
    [[2, 2], 0, false],
    [[2, 2], 2, false],
    [[2, 2], 5, false],
    [[5, 2], 5, false],
    [[5, 5], 2, false],
    [[5, 5], 3, true],
    [[0, 0, 0], 0, true],
    [[0, 0, 0], 3, false],
    [[0, 0, 0], 4, true],
    [[0, 3, 0], 0, false],
    [[0, 4, 0], 0, true],
  ])('to holders with the limits %j of one with %i: %s', (limits, concurrency, fits) => {
    const locks = held(...limits)
    expect(locks.fits({ concurrency }, { now })).toBe(fits)
    const add = (): unknown => locks.add(lock('new', concurrency), { now })
    if (fits) expect(add()).toEqual([])
    else expect(add).toThrow(LockUnavailableError)
    expect(locks.locks.has('new')).toBe(fits)
    expect(locks.locks.size).toBe(limits.length + Number(fits))
  })

  it('lets the holding begin now', () => {
    const locks = held()
    locks.add(lock('new', 1, 3_600), { now })
    expect(locks.locks.get('new')!.created.equals(now)).toBe(true)
  })

  it('does not count the expired, drops them and returns them', () => {
    const locks = new KeyLocks(key, [lock('dead', 1, ttl + 1), lock('live', 2), lock('gone', 0, 3_600)])
    expect(locks.add(lock('new', 2), { now }).map(({ uuid }) => uuid)).toEqual(['dead', 'gone'])
    expect(ids(locks)).toEqual(['live', 'new'])
  })

  it('counts one until the instant of its end', () => {
    expect(new KeyLocks(key, [lock('a', 1, ttl)]).fits({ concurrency: 1 }, { now })).toBe(false)
    expect(new KeyLocks(key, [lock('a', 1, ttl + 0.000001)]).fits({ concurrency: 1 }, { now })).toBe(true)
  })

  it('counts one whose holder key stands, whatever the clock says', () => {
    const locks = new KeyLocks(key, [lock('a', 1, 3_600)])
    const liveness = { now, alive: new Set(['a']) }
    expect(locks.fits({ concurrency: 1 }, liveness)).toBe(false)
    expect(() => locks.add(lock('new', 1), liveness)).toThrow(LockUnavailableError)
    expect(locks.expired(liveness)).toEqual([])
    expect(locks.live(liveness).map(({ uuid }) => uuid)).toEqual(['a'])
  })

  it('does not count one that came with a holder key and has none, however young', () => {
    const own = [newLockId(), newLockId()] as const
    const locks = new KeyLocks(key, [lock(own[0], 1), lock(own[1], 2)])
    expect(locks.expired({ now, alive: new Set(own.slice(1)) }).map(({ uuid }) => uuid)).toEqual([own[0]])
    expect(locks.fits({ concurrency: 2 }, { now, alive: new Set(own.slice(1)) })).toBe(true)
    expect(locks.live({ now, alive: new Set() })).toEqual([])
  })

  it.each(['4734a179-0062-436d-a9d5-4cf0c24a12d7', '4734A179-0062-836D-A9D5-4CF0C24A12D7', '8', 'hand'])(
    'counts the young entry of another software, whose id is %s, though it has no holder key',
    id => {
      const locks = new KeyLocks(key, [lock(id, 1)])
      expect(locks.expired({ now, alive: new Set() })).toEqual([])
      expect(locks.expired({ now: now.plusSeconds(ttl), alive: new Set() })).toHaveLength(1)
    },
  )

  it('goes by the clock where nobody knows the holder keys', () => {
    const locks = new KeyLocks(key, [lock(newLockId(), 1)])
    expect(locks.expired({ now })).toEqual([])
    expect(locks.expired({ now: now.plusSeconds(ttl) })).toHaveLength(1)
  })

  it('counts one that began in the future', () => {
    expect(new KeyLocks(key, [lock('a', 1, -3_600)]).fits({ concurrency: 1 }, { now })).toBe(false)
  })

  it('tells every live holder, the limit and the key when it is that of the holders', () => {
    const locks = new KeyLocks(key, [lock('a', 5), lock('dead', 1, 3_600), lock('b', 2, 20)])
    const refused = lock('new', 3)
    const text = `${String(refused)} for key ${key}.
There are already 2 concurrent locks and the concurrency allowed is 2:
    2023-07-16 16:46:42.161053+00:00: owner of a
    2023-07-16 16:46:32.161053+00:00: owner of b`
    const error = expect.objectContaining({ code: 'LOCK_UNAVAILABLE', key, message: text })
    expect(() => locks.add(refused, { now })).toThrow(error)
  })

  it('tells every live holder and the limit when it is that of the newcomer', () => {
    expect(() => held(0, 3).add(lock('new', 2), { now })).toThrow(
      `There are already 2 concurrent locks and 2 was requested:
    2023-07-16 16:46:42.161053+00:00: owner of a
    2023-07-16 16:46:42.161053+00:00: owner of b`,
    )
  })

  it('tells no line of an owner for one of its own', () => {
    const other = new ConcurrentLock({ uuid: 'b', concurrency: 1, owner: 'me\n    nobody', ttl })
    const locks = new KeyLocks(key, [other])
    expect(() => locks.add(lock('new', 1), { now })).toThrow(/: me\ufffd {4}nobody$/)
  })

  it.each([1, 2])('refuses the id of a holder with the limit %i', limit => {
    const locks = held(limit)
    const add = (): unknown => locks.add(lock('a', 2), { now })
    expect(add).toThrow(LockExistingError)
    expect(add).toThrow(expect.objectContaining({ code: 'LOCK_EXISTING', key }))
    expect(add).toThrow(
      `for key ${key}: a lock with the same ID a already exists: ${String(lock('a', limit))}`,
    )
  })

  it('replaces an expired entry with the same id', () => {
    const locks = new KeyLocks(key, [lock('a', 1, 3_600)])
    expect(locks.add(lock('a', 2), { now })).toHaveLength(1)
    expect(locks.locks.get('a')).toMatchObject({ concurrency: 2, created: now })
  })

  it.each([
    ['the limit is reached', lock('new', 1)],
    ['the id is taken', lock('a', 0)],
  ])('changes nothing when %s', (_why, refused) => {
    const locks = new KeyLocks(key, [lock('dead', 1, 3_600), lock('a', 0)])
    const [before, created] = [locks.toJson(), refused.created]
    expect(() => locks.add(refused, { now })).toThrow()
    expect(locks.toJson()).toBe(before)
    expect(refused.created).toBe(created)
  })
})

describe('KeyLocks.remove', () => {
  it('returns what it removed', () => {
    const locks = held(0, 0)
    expect(locks.remove('a')).toMatchObject({ uuid: 'a' })
    expect(ids(locks)).toEqual(['b'])
  })

  it('returns nothing for an id that does not hold', () => {
    const locks = held(0)
    expect(locks.remove('b')).toBeUndefined()
    expect(ids(locks)).toEqual(['a'])
  })
})

describe('the JSON of a KeyLocks', () => {
  // As json.dumps writes it, once with aware and once with naive times.
  const recorded = [
    '{"4734a179-0062-436d-a9d5-4cf0c24a12d7": {"concurrency": 2, "created": "2023-01-01 12:34:56.123456+00:00", ' +
      '"owner": "user@host [123]", "ttl": 60}, "b8dfe73c-0d2c-4406-b783-f7118911014f": {"concurrency": 0, ' +
      '"created": "2023-07-16 16:46:52+00:00", "owner": "j\\u00f6rg@\\ud83d\\udda5 [1]", "ttl": 1800}}',
    '{"4734a179-0062-436d-a9d5-4cf0c24a12d7": {"concurrency": 2, "created": "2023-01-01 12:34:56.123456", ' +
      '"owner": "user@host [123]", "ttl": 60}, "b8dfe73c-0d2c-4406-b783-f7118911014f": {"concurrency": 0, ' +
      '"created": "2023-07-16 16:46:52", "owner": "j\\u00f6rg@\\ud83d\\udda5 [1]", "ttl": 1800}}',
  ]

  it.each(recorded)('reads what Python wrote: %s', text => {
    const locks = KeyLocks.fromJson(key, text)
    expect([...locks.locks.values()].map(each => ({ uuid: each.uuid, ...each.toDict() }))).toEqual([
      {
        uuid: '4734a179-0062-436d-a9d5-4cf0c24a12d7',
        concurrency: 2,
        created: '2023-01-01 12:34:56.123456+00:00',
        owner: 'user@host [123]',
        ttl: 60,
      },
      {
        uuid: 'b8dfe73c-0d2c-4406-b783-f7118911014f',
        concurrency: 0,
        created: '2023-07-16 16:46:52+00:00',
        owner: 'jörg@🖥 [1]',
        ttl: 1_800,
      },
    ])
    expect(JSON.stringify(JSON.parse(locks.toJson()))).toBe(JSON.stringify(JSON.parse(recorded[0]!)))
  })

  it('of other software stays as it was when somebody is added', () => {
    const foreign = {
      '': { concurrency: 0, created: '9999-12-31 23:59:59+00:00', owner: '', ttl: 60.5 },
      hand: { concurrency: 0, created: '9999-12-31 23:59:59-01:00', owner: 'jörg\ud800', ttl: 1e10 },
    }
    const locks = KeyLocks.fromJson(key, JSON.stringify(foreign))
    locks.add(lock('new', 0), { now, alive: new Set() })
    expect(JSON.parse(locks.toJson())).toEqual({ ...foreign, new: locks.locks.get('new')!.toDict() })
  })

  it('is empty when nobody holds', () => {
    expect(held().toJson()).toBe('{}')
    expect(KeyLocks.fromJson(key, '{}')).toEqual(held())
  })

  it('keeps the order of the holders and ids of every kind', () => {
    const text = new KeyLocks(key, [lock('2', 0), lock('1', 0), lock('__proto__', 0), lock('"', 0)]).toJson()
    expect(text.match(/"(?:[^"\\]|\\.)*"(?=: \{)/g)).toEqual(['"2"', '"1"', '"__proto__"', '"\\""'])
    expect(new Set(ids(KeyLocks.fromJson(key, text)))).toEqual(new Set(['2', '1', '__proto__', '"']))
  })

  it.each([
    ['', 'JSON'],
    ['no json', 'JSON'],
    ['null', 'not an object'],
    ['[]', 'not an object'],
    ['"text"', 'not an object'],
    ['7', 'not an object'],
    ['{"a": null}', 'expected an object'],
    ['{"a": {}}', "argument 'concurrency' must be a non-negative number, got undefined"],
    ['{"a": {"concurrency": 1, "created": "yesterday", "owner": "o", "ttl": 1}}', '"yesterday"'],
  ])('that is none (%j) cannot be read, and is shown', (text, why) => {
    const read = (): unknown => KeyLocks.fromJson(key, text)
    expect(read).toThrow(LockUnreadableError)
    expect(read).toThrow(expect.objectContaining({ code: 'LOCK_UNREADABLE', key }))
    expect(read).toThrow(`Unable to read the locks of ${key}: `)
    expect(read).toThrow(why)
    expect(read).toThrow(`\nThe value is: ${text}`)
  })

  it('that is none is shown without what would begin a line', () => {
    expect(() => KeyLocks.fromJson(key, '{\n"a"')).toThrow(/^Unable .*\nThe value is: {\ufffd"a"$/)
  })

  it('that is none and long is shown in part', () => {
    expect(() => KeyLocks.fromJson(key, 'x'.repeat(10_000))).toThrow(/The value is: x{200}…$/)
  })

  it.each(['created', 'x'.repeat(10_000)])(
    'that is none for a long field or value is shown in part',
    field => {
      const dict = { ...lock('a', 1).toDict(), [field]: 'x'.repeat(10_000) }
      const read = (): unknown => KeyLocks.fromJson(key, JSON.stringify({ a: dict }))
      expect(read).toThrow(LockUnreadableError)
      expect(read).toThrow(/^.{1,1000}$/s)
    },
  )

  it('cannot be written for a time without a year of four digits', () => {
    const locks = held(1)
    locks.locks.get('a')!.updateCreated(new Timestamp(10n ** 18n))
    expect(() => locks.toJson()).toThrow(LockUnwritableError)
    expect(() => locks.toJson()).toThrow(`Unable to write the locks of ${key}: `)
  })
})

const python = spawnSync('python3', ['--version']).status === 0 ? it : it.skip

python('KeyLocks come back unchanged, to the microsecond, from Python', () => {
  const script = `
import json, sys
from datetime import datetime
texts = json.load(sys.stdin)
for index, text in enumerate(texts):
    locks = json.loads(text)
    for lock in locks.values():
        lock["created"] = str(datetime.fromisoformat(lock["created"]))
    texts[index] = json.dumps(locks)
json.dump(texts, sys.stdout)
`
  const first = BigInt(Date.parse('0001-01-01T00:00:00Z')) * 1_000n
  const last = BigInt(Date.parse('9999-12-31T23:59:59.999Z')) * 1_000n + 999n
  const wholeSeconds = fc.integer({ min: 0, max: 4_102_444_800 }).map(seconds => BigInt(seconds) * 1_000_000n)
  const holder = fc.record({
    uuid: fc.uuid(),
    concurrency: fc.nat(),
    micros: fc.oneof(fc.bigInt({ min: first, max: last }), wholeSeconds),
    owner: anyText({ minLength: 1 }),
    ttl: fc.integer({ min: 1, max: 9e9 }),
  })
  const samples = fc.sample(fc.uniqueArray(holder, { selector: ({ uuid }) => uuid, maxLength: 4 }), {
    seed: 20_230_716,
    numRuns: 200,
  })
  const locks = samples.map(
    holders =>
      new KeyLocks(
        key,
        holders.map(({ uuid, micros, ...dict }) =>
          ConcurrentLock.fromDict(uuid, { ...dict, created: String(new Timestamp(micros)) }),
        ),
      ),
  )
  const input = JSON.stringify(locks.map(each => each.toJson()))
  const output = execFileSync('python3', ['-c', script], { input, encoding: 'utf8' })
  const returned = (JSON.parse(output) as string[]).map(text => KeyLocks.fromJson(key, text))
  expect(returned).toHaveLength(200)
  expect(returned.map(each => each.toJson())).toEqual(locks.map(each => each.toJson()))
})

it('becomes its entries in JSON.stringify', () => {
  const text = '{"a": {"concurrency":1,"created":"2023-07-16 16:46:52+00:00","owner":"me","ttl":60}}'
  const keyLocks = KeyLocks.fromJson('/key', text)
  expect(JSON.parse(JSON.stringify(keyLocks))).toEqual(JSON.parse(text))
})
