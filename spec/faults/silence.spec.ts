import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** Far more than the search for another endpoint takes, and less than the deadline of a call. */
const SOON_MS = 4_000
const exclusive = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()

/** A proxy before etcd, and locks that reach etcd by it first, and then by another way. */
class Way implements AsyncDisposable {
  private readonly locks: Lock[] = []

  private constructor(readonly proxy: TcpProxy) {}

  static async open(): Promise<Way> {
    return new Way(await TcpProxy.to(etcd.get().endpoint))
  }

  lock(config: object = {}): Lock {
    const endpoints = [this.proxy.endpoint, etcd.get().endpoint]
    const lock = lockAt(this.proxy.endpoint, { config: { endpoints, ...config } })
    this.locks.push(lock)
    return lock
  }

  /** The proxy accepts what comes, and nobody hears any more from it. */
  fallSilent(): void {
    this.proxy.lose()
    this.proxy.deafen()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.locks.map(lock => lock.close()))
    await this.proxy.close()
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const configs = [{}, { read_timeout: 60 }]

it.concurrent.each(configs)(
  'an endpoint that never answers, with %j, costs a new process about a second',
  async config => {
    await using way = await Way.open()
    way.fallSilent()
    const times = await Promise.all(
      [
        (lock: Lock) => lock.acquire(freshName(), { ...exclusive, wait: 0 }),
        (lock: Lock) => lock.acquire(freshName(), exclusive),
        (lock: Lock) => lock.list(),
        (lock: Lock) => lock.get(freshName()),
      ].map(use => timed(() => use(way.lock(config)))),
    )
    expect(Math.max(...times)).toBeLessThan(SOON_MS)
  },
)

it.concurrent.each(configs)(
  'an endpoint that never answers, with %j, is left in about a second by those whom it has served',
  async config => {
    await using way = await Way.open()
    const lock = way.lock(config)
    const name = freshName()
    const id = await lock.acquire(name, exclusive)
    way.fallSilent()
    const took = await timed(async () => {
      await expect(lock.acquire(name, { ...exclusive, wait: 0 })).rejects.toMatchObject({
        code: 'LOCK_UNAVAILABLE',
      })
    })
    expect(took).toBeLessThan(SOON_MS)
    await lock.release(name, id)
  },
)

it.concurrent('a connection that is dead, and nobody was told, is replaced in about a second', async () => {
  await using way = await Way.open()
  const lock = way.lock({ endpoints: [way.proxy.endpoint], read_timeout: 60 })
  const name = freshName()
  await lock.release(name, await lock.acquire(name, exclusive))
  way.proxy.lose()
  expect(await timed(() => lock.acquire(name, { ...exclusive, wait: 0 }))).toBeLessThan(SOON_MS)
})

it.concurrent('a watch is opened elsewhere when an endpoint does not open it', async () => {
  await using way = await Way.open()
  const [holder, waiter] = [way.lock({ endpoints: etcd.get().endpoints }), way.lock()]
  const name = freshName()
  const warmUp = freshName()
  await waiter.release(warmUp, await waiter.acquire(warmUp, exclusive))
  const id = await holder.acquire(name, exclusive)
  way.fallSilent()
  const acquiring = waiter.acquire(name, exclusive)
  const took = await timed(() =>
    eventually(async () => expect((await holder.inspect(name)).waiters).toHaveLength(1)),
  )
  expect(took).toBeLessThan(SOON_MS)
  await holder.release(name, id)
  await acquiring
})

it.concurrent(
  'what is renewed is kept, with a ttl of 3 s, when its endpoint falls silent at whatever moment',
  async () => {
    await using way = await Way.open()
    const phases = [0, 250, 500, 750, 1_000]
    const all = await Promise.all(
      phases.map(async phase => {
        const lock = way.lock()
        await lock.list()
        await delay(phase)
        return lock.hold(freshName(), { concurrency: 1, ttl: 3, keepAlive: true })
      }),
    )
    way.fallSilent()
    await delay(4_000)
    expect(all.map(held => held.signal.reason as unknown)).toEqual(phases.map(() => undefined))
    for (const held of all) held.assertHeld()
  },
  20_000,
)

it('an etcd that is slow to answer first is waited for, with one endpoint and with two', async () => {
  await using way = await Way.open()
  const endpoints = [way.proxy.endpoint, etcd.get().endpoint]
  const locks = [1, 2].map(count => way.lock({ endpoints: endpoints.slice(0, count) }))
  await etcd.get().pause()
  const acquiring = Promise.all(locks.map(lock => lock.acquire(freshName(), exclusive)))
  await delay(2_500)
  await etcd.get().resume()
  await acquiring
})
