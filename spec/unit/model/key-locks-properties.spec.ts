import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { ConcurrentLock, KeyLocks, SpicerackError, Timestamp } from '../../../lib/index.js'
import { anyText } from '../../support/any-text.js'

const key = '/spicerack/locks/custom/test.key'
const start = Timestamp.parse('2023-07-16 16:46:52.161053')
const seed = 20_230_716

const first = Timestamp.parse('0001-01-01 00:00:00').epochMicros
const last = Timestamp.parse('9999-12-31 23:59:59.999999').epochMicros
const holder = fc
  .record({
    // A letter first: objects of JavaScript bring ids like "7" forward.
    uuid: anyText().map(text => `a${text}`),
    concurrency: fc.maxSafeNat(),
    micros: fc.bigInt({ min: first, max: last }),
    owner: anyText({ minLength: 1 }),
    ttl: fc.integer({ min: 1, max: 9e9 }),
  })
  .map(({ uuid, micros, ...fields }) =>
    ConcurrentLock.fromDict(uuid, { ...fields, created: String(new Timestamp(micros)) }),
  )

it('KeyLocks come back unchanged from their JSON, in order, whatever the ids and owners', () => {
  fc.assert(
    fc.property(fc.uniqueArray(holder, { selector: ({ uuid }) => uuid, maxLength: 5 }), holders => {
      const returned = KeyLocks.fromJson(key, new KeyLocks(key, holders).toJson())
      const fields = (lock: ConcurrentLock): unknown => ({ uuid: lock.uuid, ...lock.toDict() })
      expect([...returned.locks.values()].map(fields)).toEqual(holders.map(fields))
    }),
    { seed, numRuns: 300 },
  )
})

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      id,
      concurrency: fc.nat(4),
      ttl: fc.integer({ min: 1, max: 30 }),
      keepsHolderKey: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose holder key' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(20) }) },
)

/** Whether so many holders with these limits may hold at once. */
const allowed = (limits: number[]): boolean => limits.every(limit => limit === 0 || limits.length <= limit)

it('never more hold than the smallest limit allows, and nobody is refused who would fit', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), steps => {
      const locks = new KeyLocks(key)
      const alive = new Set<string>()
      let now = start
      const live = (): ConcurrentLock[] =>
        [...locks.locks.values()].filter(
          lock => alive.has(lock.uuid) || now.epochMicros <= lock.created.plusSeconds(lock.ttl).epochMicros,
        )
      for (const each of steps) {
        if (each.do === 'wait') now = now.plusSeconds(each.seconds)
        if (each.do === 'lose holder key') alive.delete(each.id)
        if (each.do === 'remove') {
          locks.remove(each.id)
          alive.delete(each.id)
        }
        if (each.do === 'add') {
          const lock = new ConcurrentLock({ ...each, uuid: each.id, owner: 'somebody', created: start })
          const before = live()
          const mayHold =
            before.every(({ uuid }) => uuid !== each.id) &&
            allowed([...before.map(({ concurrency }) => concurrency), each.concurrency])
          expect(adds(locks, lock, { now, alive })).toBe(mayHold)
          if (mayHold && each.keepsHolderKey) alive.add(each.id)
        }
        expect(allowed(live().map(({ concurrency }) => concurrency))).toBe(true)
      }
    }),
    { seed, numRuns: 500 },
  )
})

function adds(locks: KeyLocks, ...args: Parameters<KeyLocks['add']>): boolean {
  try {
    locks.add(...args)
    return true
  } catch (error) {
    if (error instanceof SpicerackError) return false
    throw error
  }
}
