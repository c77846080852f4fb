import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** Far more than the search for another endpoint takes, and less than the deadline of a call. */
const SOON_MS = 4_000
const exclusive = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()
let proxy: TcpProxy
let locks: Lock[]

beforeEach(async () => {
  proxy = await TcpProxy.to(etcd.get().endpoint)
  locks = []
})
afterEach(async () => {
  await Promise.all(locks.map(lock => lock.close()))
  await proxy.close()
})

/** A lock that reaches etcd by the proxy first, and then by another way. */
function lockByProxy(config: object = {}): Lock {
  const endpoints = [proxy.endpoint, etcd.get().endpoint]
  const lock = lockAt(proxy.endpoint, { config: { endpoints, ...config } })
  locks.push(lock)
  return lock
}

/** The proxy accepts what comes, and nobody hears any more from it. */
function fallSilent(): void {
  proxy.lose()
  proxy.deafen()
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

describe.each([{}, { read_timeout: 60 }])('an endpoint that never answers, with %j,', config => {
  it('costs a new process about a second', async () => {
    fallSilent()
    const times = await Promise.all(
      [
        (lock: Lock) => lock.acquire(freshName(), { ...exclusive, wait: 0 }),
        (lock: Lock) => lock.acquire(freshName(), exclusive),
        (lock: Lock) => lock.list(),
        (lock: Lock) => lock.get(freshName()),
      ].map(use => timed(() => use(lockByProxy(config)))),
    )
    expect(Math.max(...times)).toBeLessThan(SOON_MS)
  })

  it('is left in about a second by those whom it has served', async () => {
    const lock = lockByProxy(config)
    const name = freshName()
    const id = await lock.acquire(name, exclusive)
    fallSilent()
    const took = await timed(async () => {
      await expect(lock.acquire(name, { ...exclusive, wait: 0 })).rejects.toMatchObject({
        code: 'LOCK_UNAVAILABLE',
      })
    })
    expect(took).toBeLessThan(SOON_MS)
    await lock.release(name, id)
  })
})

it('a connection that is dead, and nobody was told, is replaced in about a second', async () => {
  const lock = lockByProxy({ endpoints: [proxy.endpoint], read_timeout: 60 })
  const name = freshName()
  await lock.release(name, await lock.acquire(name, exclusive))
  proxy.lose()
  expect(await timed(() => lock.acquire(name, { ...exclusive, wait: 0 }))).toBeLessThan(SOON_MS)
})

it.each([1, 2])('an etcd that is slow to answer first is waited for, with %d endpoint(s)', async count => {
  const endpoints = [proxy.endpoint, etcd.get().endpoint].slice(0, count)
  await etcd.get().pause()
  const acquiring = lockByProxy({ endpoints }).acquire(freshName(), exclusive)
  await delay(2_500)
  await etcd.get().resume()
  await acquiring
})

it('a watch is opened elsewhere when an endpoint does not open it', async () => {
  const [holder, waiter] = [lockByProxy({ endpoints: etcd.get().endpoints }), lockByProxy()]
  const name = freshName()
  const warmUp = freshName()
  await waiter.release(warmUp, await waiter.acquire(warmUp, exclusive))
  const id = await holder.acquire(name, exclusive)
  fallSilent()
  const acquiring = waiter.acquire(name, exclusive)
  const took = await timed(() =>
    eventually(async () => expect((await holder.inspect(name)).waiters).toHaveLength(1)),
  )
  expect(took).toBeLessThan(SOON_MS)
  await holder.release(name, id)
  await acquiring
})

it('what is renewed is kept, with a ttl of 3 s, when its endpoint falls silent at whatever moment', async () => {
  const phases = [0, 250, 500, 750, 1_000]
  const all = await Promise.all(
    phases.map(async phase => {
      const lock = lockByProxy()
      await lock.list()
      await delay(phase)
      return lock.hold(freshName(), { concurrency: 1, ttl: 3, keepAlive: true })
    }),
  )
  fallSilent()
  await delay(4_000)
  expect(all.map(held => held.signal.reason as unknown)).toEqual(phases.map(() => undefined))
  for (const held of all) held.assertHeld()
}, 20_000)
