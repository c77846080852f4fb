import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type HeldLock, Lock, type WaitStatus } from '../../../lib/index.js'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import { readsOf } from '../../../lib/kv/transaction.js'
import { LockIds } from '../../../lib/model/lock-ids.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import type { Store } from '../../../lib/store/store.js'
import { type Clock, systemClock } from '../../../lib/time/clock.js'
import { eventually } from '../../support/eventually.js'

let memory: MemoryStore
let locks: Lock[]
beforeEach(() => {
  memory = new MemoryStore()
  locks = []
})
afterEach(async () => {
  await Promise.all(locks.map(lock => lock.close()))
  await memory.close()
})

/** A process of its own. */
function lockOf(owner: string, store: Store = memory, clock = systemClock): Lock {
  const ids = new LockIds()
  const lock = new Lock({ store, prefix: 'custom', owner, dryRun: false }, { clock, ids })
  locks.push(lock)
  return lock
}

/** On a machine so many times as fast as this one: what a request waits for in milliseconds does not tell of other work here. */
const fastMachine = (times: number): Clock => ({
  ...systemClock,
  monotonic: () => systemClock.monotonic() / times,
  timer: (ms, work) => systemClock.timer(ms * times, work),
})

const waiters = (count: number): Promise<void> =>
  eventually(async () => expect((await lockOf('witness').inspect('name')).waiters).toHaveLength(count))

it.each([1, 2])(
  'a waiter that hears of its grant and of its end at once does not believe that it holds (concurrency %d)',
  async concurrency => {
    const terms = { concurrency, ttl: 30 }
    const [holder, administrator] = [lockOf('holder'), lockOf('administrator')]
    // The waiter's process is paused: what it is told comes late, and all at once.
    let late: (() => void)[] | undefined
    const waiter = lockOf('waiter', {
      commit: transaction => memory.commit(transaction),
      watch: (ranges, listener) =>
        memory.watch(ranges, {
          onEvents: events =>
            void (late ? late.push(() => listener.onEvents(events)) : listener.onEvents(events)),
          onGap: () => listener.onGap(),
          onEnd: error => listener.onEnd(error),
        }),
      leases: memory.leases,
      close: () => Promise.resolve(),
    })
    const held = await Promise.all(Array.from({ length: concurrency }, () => holder.hold('name', terms)))
    const waiting = waiter.acquire('name', { ...terms, wait: 20 })
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'LOCK_DISMISSED' })
    await waiters(1)
    const next = lockOf('next').acquire('name', { ...terms, wait: 20 })
    await waiters(2)
    late = []
    await held[0]!.release()
    const { holders } = await administrator.inspect('name')
    const { id } = holders.find(({ owner }) => owner === 'waiter')!
    await administrator.forceRelease('name', id, { reason: 'It is paused.' })
    await next
    await eventually(() => expect(late!.length).toBeGreaterThan(1))
    const news = late
    late = undefined
    for (const tell of news) tell()
    await outcome
  },
)

it.each([30, 90])(
  'those for whom there is room besides the first take the lock at once, at a ttl of %d s',
  async ttl => {
    const [one, many] = [lockOf('one'), lockOf('many')]
    const held = await one.hold('name', { concurrency: 1, ttl: 30 })
    const waiting = Array.from({ length: 60 }, () => many.hold('name', { concurrency: 100, ttl, wait: 60 }))
    await waiters(60)
    const start = performance.now()
    await held.release()
    await Promise.all(waiting)
    // Each by itself would be patient for 50 ms, 3,000 ms in all.
    expect(performance.now() - start).toBeLessThan(2_400)
  },
)

/** The memory store, whose commits are counted. */
function counted(): { readonly store: Store; readonly commits: () => number } {
  let commits = 0
  const store: Store = {
    commit: transaction => {
      commits++
      return memory.commit(transaction)
    },
    watch: (range, listener) => memory.watch(range, listener),
    leases: memory.leases,
    close: () => Promise.resolve(),
  }
  return { store, commits: () => commits }
}

it('readers wait behind a writer, get the lock and leave it in a few calls for all of them', async () => {
  const { store, commits } = counted()
  const one = lockOf('one', store)
  const terms = { concurrency: 0, ttl: 30, wait: 60 }
  const READERS = 60
  const writer = await one.hold('name', { ...terms, concurrency: 1 })
  const before = commits()
  const waiting = Array.from({ length: READERS }, () => one.hold('name', terms))
  // Each takes its ticket and looks, once its watch stands: in a few transactions for all of them.
  await waiters(READERS)
  await writer.release()
  const held = await Promise.all(waiting)
  const granted = commits()
  await Promise.all(held.map(each => each.release()))
  const calls = [granted - before, commits() - granted]
  expect(calls.map((count, at) => Math.max(count, [14, 4][at]!))).toEqual([14, 4])
})

describe('readers that no release hands the lock to do not wait for one, one after the other', () => {
  const READERS = 60
  const terms = { concurrency: 0, ttl: 30, wait: 60 }

  async function wait(lock: Lock): Promise<{ writer: HeldLock; waiting: Promise<HeldLock>[] }> {
    const writer = await lockOf('writer').hold('name', { ...terms, concurrency: 1 })
    const waiting = Array.from({ length: READERS }, () => lock.hold('name', terms))
    await waiters(READERS)
    return { writer, waiting }
  }

  /** All that stands in etcd, the queue in its order. */
  async function all(): Promise<KeyValue[]> {
    const { results } = await memory.commit(readsOf({ key: '\0', end: '\u{10ffff}' }))
    return [...results[0]!].sort((a, b) => Number(a.createRevision - b.createRevision))
  }

  it('when the lease of the holder ends', async () => {
    const { store, commits } = counted()
    const { waiting } = await wait(lockOf('many', store))
    const before = commits()
    const start = performance.now()
    await memory.leases.revoke((await all()).find(({ key }) => key.includes('/holders/'))!.lease!)
    await Promise.all(waiting)
    // Each by itself would be patient for 50 ms, 3,000 ms in all, and would make a call or two.
    expect(performance.now() - start).toBeLessThan(1_500)
    expect(commits() - before).toBeLessThan(20)
  })

  it('when the lease of one of them is gone, which makes etcd refuse to hand it over', async () => {
    const { store, commits } = counted()
    const { writer, waiting } = await wait(lockOf('many', store))
    const tickets = (await all()).filter(({ key }) => key.includes('/etcd/'))
    const { lease } = JSON.parse(tickets[READERS / 2]!.value) as { lease: string }
    await memory.leases.revoke(lease)
    const before = commits()
    const start = performance.now()
    await writer.release()
    await Promise.all(waiting)
    expect(performance.now() - start).toBeLessThan(1_500)
    expect(commits() - before).toBeLessThan(2.5 * READERS)
  })
})

it('holders that another process has granted the lock leave it in a few calls for all of them', async () => {
  const { store, commits } = counted()
  const [one, many] = [lockOf('one'), lockOf('many', store)]
  const held = await one.hold('name', { concurrency: 1, ttl: 30 })
  const waiting = Array.from({ length: 8 }, () => many.hold('name', { concurrency: 8, ttl: 30, wait: 60 }))
  await waiters(8)
  await held.release()
  const all = await Promise.all(waiting)
  const before = commits()
  await Promise.all(all.map(each => each.release()))
  expect(commits() - before).toBeLessThan(6)
})

it('a semaphore goes from holder to holder in less than two calls, also between processes', async () => {
  const { store, commits } = counted()
  const [PROCESSES, CLIENTS, TURNS, LIMIT] = [4, 16, 10, 8]
  let [holding, most] = [0, 0]
  const client = async (lock: Lock): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn++) {
      const held = await lock.hold('name', { concurrency: LIMIT, ttl: 30, wait: 60 })
      most = Math.max(most, ++holding)
      await new Promise(resolve => setImmediate(resolve))
      holding--
      await held.release()
    }
  }
  const processes = Array.from({ length: PROCESSES }, (_, at) =>
    lockOf(`process ${at}`, store, fastMachine(10)),
  )
  await Promise.all(processes.flatMap(lock => Array.from({ length: CLIENTS }, () => client(lock))))
  expect(most).toBe(LIMIT)
  expect(commits() / (PROCESSES * CLIENTS * TURNS)).toBeLessThan(1.5)
})

it('whoever is shown its place in a long queue is shown the true one from the first', async () => {
  const [one, many] = [lockOf('one'), lockOf('many')]
  await one.hold('name', { concurrency: 1, ttl: 30 })
  const ended: Promise<unknown>[] = []
  const wait = (onWait?: (status: WaitStatus) => void): void => {
    const terms = { concurrency: 1, ttl: 30, wait: 60, ...(onWait && { onWait }) }
    ended.push(many.hold('name', terms).catch(() => {}))
  }
  for (let count = 0; count < 50; count++) wait()
  await waiters(50)
  const places: number[] = []
  wait(({ place }) => void places.push(place))
  await eventually(() => expect(places).toEqual([51]))
  await many.close()
  await Promise.all(ended)
})
