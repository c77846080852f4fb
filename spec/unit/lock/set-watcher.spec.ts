import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { acquire, type WaitOptions } from '../../../lib/lock/acquire/acquire.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import type { Holding } from '../../../lib/lock/engine/holdings.js'
import { forceRelease } from '../../../lib/lock/release/force-release.js'
import { releaseById } from '../../../lib/lock/release/release.js'
import type { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { LockIds } from '../../../lib/model/lock-ids.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import type { WatchListener } from '../../../lib/store/store.js'
import { StoreError } from '../../../lib/store/store-error.js'
import { eventually } from '../../support/eventually.js'
import { ManualClock } from '../../support/manual-clock.js'
import { whilePassing } from '../../support/while-passing.js'

const keyOf = (name: string): LockKey => new LockKey('custom', name)

/** Etcd looks at both branches. */
function concerns({ success, failure }: Transaction, name: string | undefined): boolean {
  return [...success, ...failure].some(({ key }) => key.split('/').includes(name ?? 'none'))
}

interface Taking {
  readonly concurrency?: number
  readonly ttl?: number
  readonly signal?: AbortSignal
  readonly onWait?: WaitOptions['onWait']
}

/** One of several processes, with a clock that stands still. */
class Process {
  readonly clock = new ManualClock()
  readonly engine: Engine
  commits = 0
  watches = 0
  /**
   * What becomes of the next commit: its answer is lost; it is refused, for want of a lease; or it is applied, and etcd says that its space
   * is used up.
   */
  next: 'lost' | 'refused' | 'full' | undefined
  /** Etcd denies it the keys of this lock. */
  forbidden: string | undefined
  /** While it is set, what watches have to tell is late. */
  late: (() => void)[] | undefined
  private readonly ids = new LockIds()

  constructor(store: MemoryStore) {
    const counted = {
      commit: async (...args: Parameters<MemoryStore['commit']>) => {
        this.commits++
        const { next } = this
        this.next = undefined
        if (next === 'refused') throw new StoreError('lease-not-found', 'gone')
        if (concerns(args[0], this.forbidden)) throw new StoreError('refused', 'permission denied')
        const result = await store.commit(...args)
        if (next === 'lost') throw new StoreError('unreachable', 'lost')
        if (next === 'full') throw new StoreError('refused', 'etcdserver: mvcc: database space exceeded')
        return result
      },
      watch: (ranges: Parameters<MemoryStore['watch']>[0], listener: WatchListener) => {
        this.watches++
        return store.watch(ranges, {
          onEvents: events => {
            if (this.late) this.late.push(() => listener.onEvents(events))
            else listener.onEvents(events)
          },
          onGap: () => listener.onGap(),
          onEnd: error => listener.onEnd(error),
        })
      },
      leases: store.leases,
      close: () => Promise.resolve(),
    }
    this.engine = new Engine(counted, { clock: this.clock, ids: this.ids }, pino({ level: 'silent' }))
  }

  take(...names: string[]): Promise<Holding[]> {
    return this.takeOf({}, ...names)
  }

  takeOf({ concurrency = 1, ttl = 30, ...options }: Taking, ...names: string[]): Promise<Holding[]> {
    const keys = names.map(keyOf)
    const uuid = this.ids.take(keys.map(({ path }) => path))
    const terms = { uuid, owner: 'tester', concurrency, ttl }
    return acquire(
      this.engine,
      keys.map(key => ({ key, terms })),
      { waitMs: Infinity, ...options },
    )
  }

  async tellLate(): Promise<void> {
    await turns()
    const { late = [] } = this
    this.late = undefined
    for (const tell of late) tell()
  }

  release(holdings: readonly Holding[]): Promise<ConcurrentLock[]> {
    return releaseById(
      this.engine,
      holdings.map(({ key }) => key),
      holdings[0]!.uuid,
    )
  }
}

/** Until all that is under way in the memory store has happened. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** Until it watches what its sets face, and they have looked at all that it has told them. */
async function settled({ clock }: Process): Promise<void> {
  for (let ms = 0; ms < 250; ms += 5) {
    clock.pass(5)
    await turns()
  }
}

/** The result of `work`, which must come within a second of the clock's. */
async function withinASecond<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isOver = false
  const over = (): void => void (isOver = true)
  void work.then(over, over)
  for (let ms = 0; ms < 1_000 && !isOver; ms += 50) {
    clock.pass(50)
    await turns()
  }
  expect(isOver).toBe(true)
  return work
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

  /** One set that is held, and a second one that waits for it. */
  async function taken(...seconds: string[]): Promise<{ first: Holding[]; second: Promise<Holding[]> }> {
    const first = await here.take('a', 'b')
    const second = here.take(...seconds)
    await queued('b', 1)
    await eventually(() => expect(here.watches).toBe(1))
    return { first, second }
  }

  /** And a third one, which is about to join with the release of the first. */
  async function aboard() {
    const { first, second } = await taken('a', 'b')
    const third = here.take('b', 'c')
    await turns()
    return { first, second, third }
  }

  it('is granted all by a release of its process, without a call and a watch of its own', async () => {
    const first = await here.take('a', 'b')
    const second = here.take('b', 'c')
    await queued('b', 1)
    const third = here.take('c', 'a')
    await turns()
    await here.release(first)
    await queued('a', 1)
    await here.release(await second)
    await here.release(await third)
    const watchOfMarkers = 1
    expect(here.watches).toBe(watchOfMarkers)
    const twoAttemptsAndARead = 3
    const threeReleases = 3
    expect(here.commits).toBe(twoAttemptsAndARead + threeReleases)
  })

  it('and asks behind others of its process joins with their release, or after a while', async () => {
    const { first, second, third } = await aboard()
    const before = here.commits
    await here.release(first)
    expect(here.commits - before).toBe(1)
    await queued('c', 1)
    const fourth = here.take('c', 'd')
    await turns()
    await queued('d', 0)
    here.clock.pass(20)
    await queued('d', 1)
    for (const each of [second, third, fourth]) await here.release(await each)
    await there.release(await there.take('a', 'b', 'c', 'd'))
  })

  it('finds its tickets that joined with a release whose answer was lost', async () => {
    const { first, second, third } = await aboard()
    here.next = 'lost'
    expect(await whilePassing(here.clock, here.release(first))).toHaveLength(2)
    await queued('c', 1)
    await here.release(await whilePassing(here.clock, second))
    await here.release(await whilePassing(here.clock, third))
    await there.release(await there.take('a', 'b', 'c'))
  })

  it('finds what etcd has applied of a release with its tickets when it says that its space is used up', async () => {
    const { first, second, third } = await aboard()
    const failed = expect(third).rejects.toThrow('space exceeded')
    here.next = 'full'
    expect(await here.release(first)).toHaveLength(2)
    await failed
    await here.release(await whilePassing(here.clock, second))
    await there.release(await there.take('a', 'b', 'c'))
  })

  it('joins by itself when etcd has refused the release that it was to join with', async () => {
    const { first, second, third } = await aboard()
    const before = here.commits
    here.next = 'refused'
    await here.release(first)
    await queued('c', 1)
    const granted = await whilePassing(here.clock, second)
    const theReleaseTwiceAndTheTickets = 3
    expect(here.commits - before).toBe(theReleaseTwiceAndTheTickets)
    await here.release(granted)
    await here.release(await whilePassing(here.clock, third))
    await there.release(await there.take('a', 'b', 'c'))
  })

  it('that etcd denies its tickets fails alone, and not the release that it was to join with', async () => {
    const { first, second } = await taken('a', 'b')
    here.forbidden = 'c'
    const third = here.take('b', 'c')
    const failed = expect(third).rejects.toThrow('permission denied')
    await turns()
    await here.release(first)
    await failed
    await here.release(await whilePassing(here.clock, second))
    await there.release(await there.take('a', 'b', 'c'))
  })

  it('joins by itself when etcd denies the release that it was to join with, which is sent once more', async () => {
    const { first, second, third } = await aboard()
    const before = here.commits
    here.forbidden = 'a'
    await expect(here.release(first)).rejects.toThrow('permission denied')
    await queued('c', 1)
    const theReleaseTwiceAndTheTickets = 3
    expect(here.commits - before).toBe(theReleaseTwiceAndTheTickets)
    here.forbidden = undefined
    await here.release(await whilePassing(here.clock, second))
    await here.release(await whilePassing(here.clock, third))
    await there.release(await there.take('a', 'b', 'c'))
  })

  it('for two that leave at once is granted all by the second, which follows the first', async () => {
    const [first, second] = [await here.take('a', 'x'), await here.take('b', 'y')]
    const third = here.take('a', 'b')
    await queued('b', 1)
    await turns()
    const before = here.commits
    await Promise.all([here.release(first), here.release(second)])
    await here.release(await third)
    const threeReleases = 3
    expect(here.commits - before).toBe(threeReleases)
  })

  it('finds what a release has granted it whose answer was lost', async () => {
    const { first, second: waiting } = await taken('b', 'c')
    here.next = 'lost'
    const releasing = here.release(first)
    await eventually(async () => {
      here.clock.pass(10)
      expect((await there.engine.readOne(keyOf('c'))).holders.size).toBe(1)
    })
    await Promise.all([whilePassing(here.clock, releasing), whilePassing(here.clock, waiting)])
    await here.release(await waiting)
    await there.release(await there.take('a', 'b', 'c'))
  })

  it('is granted nothing of what a holder keeps of which one lock is taken by force', async () => {
    const { first: holdings, second: waiting } = await taken('a', 'b')
    const [{ key, uuid }, kept] = holdings as [Holding, Holding]
    expect(await forceRelease(here.engine, key, uuid, { reason: 'It is paused.', by: 'tester' })).toBe(true)
    expect([...(await there.engine.readOne(kept.key)).holders.keys()]).toStrictEqual([uuid])
    await here.release([kept])
    expect(await whilePassing(here.clock, waiting)).toHaveLength(2)
  })

  it('that is shown its place hears of each change', async () => {
    const first = await there.take('a', 'b')
    const places: string[] = []
    const onWait: WaitOptions['onWait'] = seen =>
      places.push(seen.map(({ snapshot }) => snapshot.tickets.size).join())
    const waiting = here.takeOf({ onWait }, 'a', 'b')
    await queued('a', 1)
    const behind = there.take('b', 'c')
    await queued('b', 2)
    here.clock.pass(2_000)
    await eventually(() => expect(places.at(-1)).toBe('1,2'))
    await there.release(first)
    await here.release(await whilePassing(here.clock, waiting))
    await whilePassing(there.clock, behind)
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

  it('waits for no holder that is gone, though a release of its process was made from older news', async () => {
    const [lost] = await there.takeOf({ concurrency: 3 }, 'a')
    await there.takeOf({ concurrency: 3 }, 'a')
    const own = await here.takeOf({ concurrency: 3 }, 'a')
    const waiting = here.takeOf({ concurrency: 2 }, 'a', 'b')
    await queued('a', 1)
    await settled(here)
    await store.leases.revoke(lost!.lease.id)
    await settled(here)
    here.late = []
    await here.release(own)
    await here.tellLate()
    expect(await withinASecond(here.clock, waiting)).toHaveLength(2)
  })

  it('waits for no ticket of which a watch has told late that it is gone', async () => {
    const own = await here.take('a')
    const stop = new AbortController()
    const tooLongToBeHandedTheLock = 100
    const leaving = there.takeOf({ ttl: tooLongToBeHandedTheLock, signal: stop.signal }, 'a')
    await queued('a', 1)
    const waiting = here.take('a', 'b')
    await queued('a', 2)
    await settled(here)
    here.late = []
    stop.abort(new Error('enough'))
    await expect(leaving).rejects.toThrow('enough')
    await here.release(own)
    await here.tellLate()
    expect(await withinASecond(here.clock, waiting)).toHaveLength(2)
  })

  it('that relied on one before it looks anew when that has left', async () => {
    const first = await there.take('a')
    const stop = new AbortController()
    const leaving = here.takeOf({ signal: stop.signal }, 'a', 'b')
    await queued('a', 1)
    const waiting = here.take('b', 'c')
    await turns()
    here.clock.pass(20)
    await queued('c', 1)
    stop.abort(new Error('enough'))
    await expect(leaving).rejects.toThrow('enough')
    expect(await waiting).toHaveLength(2)
    await there.release(first)
  })
})
