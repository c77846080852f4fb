import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Logger } from 'pino'
import type { Lock, LockEvent } from '../../lib/index.js'
import { knownDefect } from '../../lib/store/etcd/known-defects.js'
import { freshName, lockAt, storeAt } from '../support/etcd.js'
import { EtcdCluster } from '../support/etcd-cluster.js'
import { eventually } from '../support/eventually.js'
import { logSpy } from '../support/log-spy.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const terms = { concurrency: 1, ttl: 60 }
let cluster: EtcdCluster
let killed: number[]
let locks: Lock[]

beforeAll(async () => {
  cluster = await EtcdCluster.start()
  await eventually(() => cluster.leader(), 30_000)
}, 120_000)
afterAll(() => cluster.stop())
beforeEach(() => {
  killed = []
  locks = []
})
afterEach(async () => {
  await Promise.all(locks.map(lock => lock.close()))
  await Promise.all(killed.map(index => cluster.members[index]!.restart()))
  await eventually(() => cluster.leader(), 30_000)
}, 60_000)

const kill = async (index: number): Promise<void> => {
  killed.push(index)
  await cluster.members[index]!.kill()
}

/** A lock whose client talks to this member first. */
function lockVia(index: number, owner: string, logger?: Logger, own: object = { read_timeout: 2 }): Lock {
  const endpoints = [...cluster.endpoints.slice(index), ...cluster.endpoints.slice(0, index)]
  const config = { endpoints, ...own }
  const lock = lockAt(endpoints[0]!, { owner, config, ...(logger && { logger }) })
  locks.push(lock)
  return lock
}

describe.each([
  ['a follower', async () => ((await cluster.leader()) + 1) % 3],
  ['the leader', () => cluster.leader()],
])('when %s dies, to which holder and waiter talk,', (_, chosen) => {
  it('the holding stands, the wait goes on, and the release hands the lock over', async () => {
    const index = await chosen()
    const [holder, waiter, witness] = [
      lockVia(index, 'holder'),
      lockVia(index, 'waiter'),
      lockVia((index + 1) % 3, 'witness'),
    ]
    const name = freshName()
    const id = await holder.acquire(name, terms)
    let isGranted = false
    const waiting = waiter.acquire(name, terms).finally(() => (isGranted = true))
    await eventually(async () => expect((await witness.inspect(name)).waiters).toHaveLength(1))

    await kill(index)
    await eventually(async () => {
      const { holders, waiters } = await witness.inspect(name)
      expect([holders.map(({ id }) => id), waiters.length]).toEqual([[id], 1])
    }, 30_000)
    expect(isGranted).toBe(false)

    await holder.release(name, id)
    const next = await waiting
    expect([...(await witness.get(name)).locks.keys()]).toEqual([next])
    await waiter.release(name, next)
  }, 60_000)
})

it.each([
  ['a follower', async () => ((await cluster.leader()) + 1) % 3, 3],
  // Nobody is served until the others have elected another, which takes seconds on a busy machine.
  ['the leader', () => cluster.leader(), 10],
])(
  'when %s hangs, to which a holder talks, what is renewed is kept',
  async (_, chosen, ttl) => {
    const index = await chosen()
    const held = await lockVia(index, 'holder', undefined, {}).hold(freshName(), {
      concurrency: 1,
      ttl,
      keepAlive: true,
    })
    cluster.members[index]!.pause()
    try {
      await delay((ttl + 1) * 1000)
      await held.verify()
      expect(held.signal.aborted).toBe(false)
    } finally {
      cluster.members[index]!.resume()
    }
    await held.release()
  },
  30_000,
)

it('a version that is known to lose leases in a cluster is warned of once', async () => {
  const { log, lines } = logSpy()
  const lock = lockVia(0, 'warned', log)
  const name = freshName()
  await lock.release(name, await lock.acquire(name, terms))
  const version = await cluster.version()
  const warnings = (): unknown[] => lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg)
  const expected = knownDefect(version, 3)
  if (expected) await eventually(() => expect(warnings()).toEqual([expected]))
  await lock.release(name, await lock.acquire(name, terms))
  expect(warnings()).toEqual(expected ? [expected] : [])
})

it.each([0, 3])(
  'without a majority an acquire that waits %d s fails in time, and works after',
  async wait => {
    const lock = lockVia(2, 'lonely')
    const name = freshName()
    await lock.release(name, await lock.acquire(name, terms))
    await kill(0)
    await kill(1)
    const start = performance.now()
    const acquiring = lock.acquire(name, { ...terms, wait })
    await expect(acquiring).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' })
    expect(performance.now() - start).toBeLessThan(10_000)
    await cluster.members[0]!.restart()
    killed = [1]
    await lock.release(name, await lock.acquire(name, terms))
  },
  60_000,
)

it('no event is lost or told twice when the listener goes on to a member that lags behind', async () => {
  const leader = await cluster.leader()
  const [fallback, slow] = [(leader + 1) % 3, (leader + 2) % 3]
  const proxy = await TcpProxy.to(cluster.endpoints[fallback]!)
  const endpoints = [proxy.endpoint, cluster.endpoints[slow]!]
  const listener = lockAt(endpoints[0]!, { config: { endpoints, read_timeout: 2 } })
  const writer = lockVia(leader, 'writer')
  locks.push(listener)
  const name = freshName()
  const told: LockEvent[] = []
  void (async () => {
    for await (const event of listener.events(name)) told.push(event)
  })().catch(() => {})
  const cycle = async (): Promise<void> => writer.release(name, await writer.acquire(name, terms))
  await eventually(async () => {
    await cycle()
    await eventually(() => expect(told.at(-1)).toMatchObject({ type: 'released' }), 500)
  })
  told.length = 0

  cluster.members[slow]!.pause()
  try {
    for (let done = 0; done < 5; done++) await cycle()
    await eventually(() => expect(told).toHaveLength(10))
    // It has much to catch up with, and serves meanwhile.
    const ballast = storeAt(cluster.endpoints[leader]!)
    const value = 'x'.repeat(500_000)
    const put = { type: 'put' as const, key: '/ballast', value }
    for (let done = 0; done < 60; done++) await ballast.commit({ compare: [], success: [put], failure: [] })
    await ballast.close()
    await proxy.close()
    for (let done = 0; done < 5; done++) await cycle()
  } finally {
    cluster.members[slow]!.resume()
  }
  await eventually(() => expect(told.length).toBeGreaterThanOrEqual(20))
  await cycle()
  await eventually(() => expect(told.length).toBeGreaterThanOrEqual(22))
  const expected = Array.from({ length: 11 }, () => ['granted', 'released']).flat()
  expect(told.map(({ type }) => type)).toEqual(expected)
  expect(new Set(told.map(({ revision }) => revision)).size).toBe(22)
}, 60_000)
