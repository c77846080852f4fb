import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, expect, it, jest } from '@jest/globals'
import { pino } from 'pino'
import { acquire } from '../../../lib/lock/acquire/acquire.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { systemHost } from '../../../lib/lock/engine/host.js'
import type { Holding } from '../../../lib/lock/engine/holdings.js'
import { releaseById } from '../../../lib/lock/release/release.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { ManualClock } from '../../support/manual-clock.js'

const WAITERS = 5
const PERIODS = 3
const key = new LockKey('custom', 'name')
const other = new LockKey('custom', 'other')
const store = new MemoryStore()
const clock = new ManualClock()
const engine = new Engine(store, { ...systemHost, clock }, pino({ level: 'silent' }))

afterAll(() => store.close())

/** In steps, so that what is due in between is done. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.pass(1_000)
    await turn()
  }
}

it('of those that wait in a process the first alone reads the queue again when nothing is heard', async () => {
  const commit = jest.spyOn(store, 'commit')
  const stop = new AbortController()
  const wait = (): Promise<unknown> => {
    const terms = { uuid: newLockId(), owner: 'tester', concurrency: 1, ttl: 60 }
    return acquire(engine, [{ key, terms }], { waitMs: Infinity, signal: stop.signal })
  }
  await wait()
  const ended = Promise.allSettled(Array.from({ length: WAITERS }, wait))
  await pass(10)
  expect(
    (await store.commit({ compare: [], success: [{ type: 'range', ...key.tickets }], failure: [] }))
      .results[0],
  ).toHaveLength(WAITERS)
  commit.mockClear()
  await pass(30 * PERIODS)
  expect(commit).toHaveBeenCalledTimes(PERIODS)
  stop.abort()
  await ended
})

it('the lease of a waiter is renewed before it is handed the lock, also when it has waited for longer than a call may take', async () => {
  const renew = jest.spyOn(store.leases, 'renew')
  const wait = (): Promise<Holding[]> => {
    const terms = { uuid: newLockId(), owner: 'tester', concurrency: 1, ttl: 30 }
    return acquire(engine, [{ key: other, terms }], { waitMs: Infinity })
  }
  const [writer] = await wait()
  const waiting = [wait(), wait()]
  await pass(130)
  await engine.pool.renew(writer!.lease)
  renew.mockClear()
  await releaseById(engine, [other], writer!.uuid)
  const [first] = (await waiting[0])!
  await releaseById(engine, [other], first!.uuid)
  await waiting[1]
  expect(renew).toHaveBeenCalledTimes(waiting.length)
  for (const [, within] of renew.mock.calls) expect(within!.timeoutMs).toBeGreaterThan(1_000)
})
