import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { acquire } from '../../../lib/lock/acquire/acquire.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import type { Holding } from '../../../lib/lock/engine/holdings.js'
import { releaseById } from '../../../lib/lock/release/release.js'
import { LockIds } from '../../../lib/model/lock-ids.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { eventually } from '../../support/eventually.js'
import { ManualClock } from '../../support/manual-clock.js'

const keyOf = (name: string): LockKey => new LockKey('custom', name)

/** One of several processes, with a clock that stands still. */
class Process {
  readonly clock = new ManualClock()
  readonly engine: Engine
  commits = 0
  watches = 0
  private readonly ids = new LockIds()

  constructor(store: MemoryStore) {
    const counted = {
      commit: (...args: Parameters<MemoryStore['commit']>) => {
        this.commits++
        return store.commit(...args)
      },
      watch: (...args: Parameters<MemoryStore['watch']>) => {
        this.watches++
        return store.watch(...args)
      },
      leases: store.leases,
      close: () => Promise.resolve(),
    }
    this.engine = new Engine(counted, { clock: this.clock, ids: this.ids }, pino({ level: 'silent' }))
  }

  take(...names: string[]): Promise<Holding[]> {
    const keys = names.map(keyOf)
    const uuid = this.ids.take(keys.map(({ path }) => path))
    const terms = { uuid, owner: 'tester', concurrency: 1, ttl: 30 }
    return acquire(
      this.engine,
      keys.map(key => ({ key, terms })),
      { waitMs: Infinity },
    )
  }

  async release(holdings: readonly Holding[]): Promise<void> {
    await releaseById(
      this.engine,
      holdings.map(({ key }) => key),
      holdings[0]!.uuid,
    )
  }
}

describe('A set that waits', () => {
  let store: MemoryStore
  let here: Process
  let there: Process

  beforeEach(() => {
    store = new MemoryStore()
    here = new Process(store)
    there = new Process(store)
  })
  afterEach(async () => {
    await Promise.all([here.engine.close(), there.engine.close()])
    await store.close()
  })

  const queued = (name: string, count: number): Promise<void> =>
    eventually(async () => {
      const { tickets } = await there.engine.readOne(keyOf(name))
      expect(tickets.size).toBe(count)
    })

  it('hears what its process does without a watch of it', async () => {
    const first = await here.take('a', 'b')
    const second = here.take('b', 'c')
    await queued('b', 1)
    const third = here.take('c', 'a')
    await queued('a', 1)
    await here.release(first)
    await here.release(await second)
    await here.release(await third)
    const watchOfMarkers = 1
    expect(here.watches).toBe(watchOfMarkers)
    const threeAttemptsAndARead = 4
    const threeReleasesAndTwoGrants = 5
    expect(here.commits).toBe(threeAttemptsAndARead + threeReleasesAndTwoGrants)
  })

  it('watches a holder of its own process after a while: that may have lost it', async () => {
    const [holding] = await here.take('a')
    const waiting = here.take('a', 'b')
    await queued('a', 1)
    await eventually(() => expect(here.watches).toBe(1))
    const { lease } = holding!
    here.clock.pass(49)
    expect(here.watches).toBe(1)
    here.clock.pass(2)
    await eventually(() => expect(here.watches).toBe(3))
    await store.leases.revoke(lease.id)
    expect(await waiting).toHaveLength(2)
  })

  it('watches what waits before it in another process, and nothing else', async () => {
    const first = await there.take('b')
    const second = there.take('b', 'c')
    await queued('c', 1)
    const waiting = here.take('a', 'b', 'c')
    await queued('a', 1)
    here.clock.pass(1)
    const markersAndTheTicket = 2
    await eventually(() => expect(here.watches).toBe(markersAndTheTicket))
    await there.release(first)
    const holdings = await second
    const theHolders = 2
    await eventually(() => {
      here.clock.pass(1)
      expect(here.watches).toBe(markersAndTheTicket + theHolders)
    })
    await there.release(holdings)
    expect(await waiting).toHaveLength(3)
  })

  it('that relied on one before it looks anew when that has left', async () => {
    const first = await there.take('a')
    const stop = new AbortController()
    const keys = ['a', 'b'].map(keyOf)
    const uuid = new LockIds().take(keys.map(({ path }) => path))
    const terms = { uuid, owner: 'tester', concurrency: 1, ttl: 30 }
    const leaving = acquire(
      here.engine,
      keys.map(key => ({ key, terms })),
      { waitMs: Infinity, signal: stop.signal },
    )
    await queued('a', 1)
    const waiting = here.take('b', 'c')
    await queued('c', 1)
    stop.abort(new Error('enough'))
    await expect(leaving).rejects.toThrow('enough')
    expect(await waiting).toHaveLength(2)
    await there.release(first)
  })
})
