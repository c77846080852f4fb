import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, it, jest } from '@jest/globals'
import { pino } from 'pino'
import { acquire } from '../../../lib/lock/acquire/acquire.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { systemHost } from '../../../lib/lock/engine/host.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { ManualClock } from '../../support/manual-clock.js'

const WAITERS = 5
const PERIODS = 3
const key = new LockKey('custom', 'name')
const store = new MemoryStore()
const clock = new ManualClock()
const engine = new Engine(store, { ...systemHost, clock }, pino({ level: 'silent' }))

afterEach(() => store.close())

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
