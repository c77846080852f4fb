import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type HeldLock, Lock } from '../../../lib/index.js'
import { LockIds } from '../../../lib/model/lock-ids.js'
import type { Store } from '../../../lib/store/store.js'
import { StoreError } from '../../../lib/store/store-error.js'
import { MemoryStore } from '../../../lib/testing/index.js'
import { ManualClock } from '../../support/manual-clock.js'

const TTL = 30
let clock: ManualClock
let calls: string[]
let isRefusing: boolean
let memory: MemoryStore
let lock: Lock
let dry: Lock

beforeEach(() => {
  clock = new ManualClock()
  calls = []
  isRefusing = false
  memory = new MemoryStore({ now: () => clock.monotonic(), after: () => () => {} })
  const { leases } = memory
  const store: Store = {
    commit: transaction => {
      const isWrite = transaction.success.some(({ type }) => type !== 'range')
      if (isRefusing && isWrite) return Promise.reject(new StoreError('refused', 'no space'))
      return memory.commit(transaction)
    },
    watch: (range, listener) => {
      calls.push('watch')
      return memory.watch(range, listener)
    },
    leases: {
      grant: ttl => leases.grant(ttl),
      remaining: id => leases.remaining(id),
      revoke: id => (isRefusing ? Promise.reject(new StoreError('refused', 'no right')) : leases.revoke(id)),
      renew: id => {
        calls.push('renew')
        return leases.renew(id)
      },
    },
    close: () => memory.close(),
  }
  const host = { clock, ids: new LockIds() }
  lock = new Lock({ store, prefix: 'custom', owner: 'me', dryRun: false }, host)
  dry = new Lock({ store, prefix: 'custom', owner: 'me', dryRun: true }, host)
})

afterEach(async () => {
  isRefusing = false
  await lock.close()
  await memory.close()
})

/** Lets what is under way in memory come to its end. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('a handle that renews its lock', () => {
  it('neither watches nor renews what is released soon', async () => {
    const held = await lock.hold('a', { concurrency: 1, ttl: TTL, keepAlive: true })
    clock.pass(99)
    expect(await held.release()).toBe(true)
    clock.pass(TTL * 500)
    await settle()
    expect(calls).toEqual([])
  })

  it('watches and renews from then on', async () => {
    const held = await lock.hold('a', { concurrency: 1, ttl: TTL, keepAlive: true })
    for (let ms = 0; ms < 3 * TTL * 1000; ms += 1_000) {
      clock.pass(1_000)
      await settle()
      held.assertHeld()
    }
    expect(calls[0]).toBe('watch')
    expect(calls.filter(call => call === 'renew').length).toBeGreaterThanOrEqual(8)
    expect(await held.release()).toBe(true)
  })

  it('does so, too, when it is extended again and again, and etcd refuses that', async () => {
    const held = await lock.hold('a', { concurrency: 1, ttl: TTL, keepAlive: true })
    let isTold = false
    held.on('expiring', () => (isTold = true))
    isRefusing = true
    for (let ms = 0; ms < 2 * TTL * 1000; ms += 90) {
      const refused = held.extend(TTL).catch((error: Error) => error)
      await settle()
      expect(await refused).toMatchObject({ code: 'LOCK_ERROR' })
      clock.pass(90)
      await settle()
    }
    held.assertHeld()
    expect(isTold).toBe(false)
  })
})

describe.each<[string, () => Lock]>([
  ['a lock', () => lock],
  ['a dry run', () => dry],
])('the deadline of the handle of %s', (_, lockOf) => {
  it.each<[string, (held: HeldLock) => unknown, number]>([
    ['released', held => held.release(), 10],
    ['lost', () => clock.pass(TTL * 1000), TTL],
  ])('stays once it is %s', async (_, end, seconds) => {
    const start = clock.wall
    const held = await lockOf().hold('a', { concurrency: 1, ttl: TTL })
    clock.pass(10_000)
    await end(held)
    const { deadline } = held
    expect(Math.abs(deadline.getTime() - start - seconds * 1000)).toBeLessThan(100)
    clock.pass(TTL * 1000)
    await held.release()
    expect(held.deadline).toEqual(deadline)
  })
})

it.each([true, false])('a handle that ran out is released if etcd says so (%s)', async isAsked => {
  const held = await lock.hold('a', { concurrency: 1, ttl: TTL })
  isRefusing = !isAsked
  clock.pass(TTL * 1000)
  expect(() => held.assertHeld()).toThrow('its ttl')
  expect(await held.release()).toBe(isAsked)
})
