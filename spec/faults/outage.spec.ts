import { expect, it } from '@jest/globals'
import { EtcdLockUnavailableError, type Lock, LockError } from '../../lib/index.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt, storeAt } from '../support/etcd.js'

const exclusive = { concurrency: 1, ttl: 60 }

/** An etcd, and two on it who want one lock. Each test has its own, so that all can run side by side. */
class Outage implements AsyncDisposable {
  readonly name = freshName()
  readonly lock: Lock
  readonly other: Lock

  private constructor(readonly etcd: EtcdServer) {
    this.lock = lockAt(etcd.endpoint)
    this.other = lockAt(etcd.endpoint, { owner: 'other' })
  }

  static async start(): Promise<Outage> {
    return new Outage(await EtcdServer.start())
  }

  /** The other holds, and we wait. */
  async wait(signal?: AbortSignal): Promise<{ readonly first: string; readonly acquiring: Promise<string> }> {
    const first = await this.other.acquire(this.name, exclusive)
    const acquiring = this.lock.acquire(this.name, { ...exclusive, ...(signal && { signal }) })
    await eventually(async () => expect((await this.other.inspect(this.name)).waiters).toHaveLength(1))
    return { first, acquiring }
  }

  async holders(): Promise<string[]> {
    return [...(await this.other.get(this.name)).locks.keys()]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.lock.close(), this.other.close()])
    await this.etcd.stop()
  }
}

it.concurrent(
  'etcd down at the start is an error in seconds that says what to check',
  async () => {
    // Where nobody listens, and no etcd of another test can begin to.
    await using nowhere = lockAt('http://127.0.0.1:1')
    const name = freshName()
    const start = performance.now()
    const [error] = await Promise.all([
      nowhere.acquire(name, exclusive).catch((thrown: unknown) => thrown),
      expect(nowhere.get(name)).rejects.toThrow(LockError),
    ])
    expect(error).toBeInstanceOf(EtcdLockUnavailableError)
    expect(error).toMatchObject({ code: 'ETCD_UNAVAILABLE', key: `/spicerack/locks/custom/${name}` })
    expect((error as Error).message).toContain('Check that etcd runs')
    expect(performance.now() - start).toBeLessThan(10_000)
  },
  30_000,
)

it.concurrent(
  'etcd stopped in its tracks and resumed during a wait: the waiter keeps waiting and gets the lock',
  async () => {
    await using outage = await Outage.start()
    const { etcd, other, name } = outage
    const { first, acquiring } = await outage.wait()
    await etcd.pause()
    // Longer than gRPC's keepalive bears, so that every connection is given up meanwhile.
    await expect(other.get(name)).rejects.toThrow(LockError)
    await etcd.resume()
    await eventually(() => other.get(name), 30_000)
    await other.release(name, first)
    const second = await acquiring
    expect(await outage.holders()).toEqual([second])
  },
  60_000,
)

it.concurrent(
  'etcd stopped in its tracks and resumed during a wait that ends: the caller hears in time, and nothing is left',
  async () => {
    await using outage = await Outage.start()
    const { etcd, other, name } = outage
    const controller = new AbortController()
    const { first, acquiring } = await outage.wait(controller.signal)
    await etcd.pause()
    const start = performance.now()
    controller.abort(new Error('enough'))
    await expect(acquiring).rejects.toThrow('enough')
    expect(performance.now() - start).toBeLessThan(3_000)
    await etcd.resume()
    await eventually(async () => expect(await other.inspect(name)).toMatchObject({ waiters: [] }), 30_000)
    expect(await outage.holders()).toEqual([first])
  },
  60_000,
)

it.concurrent(
  'etcd killed and restarted during a wait: the waiter keeps its place and gets the lock',
  async () => {
    await using outage = await Outage.start()
    const { etcd, other, name } = outage
    const { first, acquiring } = await outage.wait()
    await etcd.kill()
    await etcd.restart()
    await eventually(() => other.get(name), 30_000)
    await other.release(name, first)
    const second = await acquiring
    expect(await outage.holders()).toEqual([second])
  },
  60_000,
)

it.concurrent(
  'etcd killed and restarted during a hold: the lock is still held, and is released',
  async () => {
    await using outage = await Outage.start()
    const { etcd, lock, other, name } = outage
    const id = await lock.acquire(name, exclusive)
    await etcd.kill()
    await etcd.restart()
    await expect(other.acquire(name, { ...exclusive, wait: 0 })).rejects.toMatchObject({
      code: 'LOCK_UNAVAILABLE',
    })
    await lock.release(name, id)
    expect(await outage.holders()).toEqual([])
  },
  60_000,
)

it.concurrent(
  'etcd killed and restarted during an acquire: it gets through when etcd is back',
  async () => {
    await using outage = await Outage.start()
    const { etcd, lock, name } = outage
    await lock.get(name)
    await etcd.kill()
    const acquiring = lock.acquire(name, exclusive)
    await etcd.restart()
    const id = await acquiring
    expect(await outage.holders()).toEqual([id])
  },
  60_000,
)

it.concurrent(
  'one try ends in seconds when an etcd that served before is gone',
  async () => {
    await using outage = await Outage.start()
    const { etcd, lock, name } = outage
    await lock.release(name, await lock.acquire(name, exclusive))
    await etcd.kill()
    const start = performance.now()
    const calls = [
      lock.acquire(name, { ...exclusive, wait: 0 }),
      lock.tryAcquire(name),
      lock.list(),
      lock.inspect(name),
      lock.get(name),
      lock.events().next(),
    ]
    const errors = await Promise.all(calls.map(call => call.catch((error: unknown) => error)))
    expect(performance.now() - start).toBeLessThan(10_000)
    expect(errors.map(error => (error as LockError).code)).toEqual(calls.map(() => 'ETCD_UNAVAILABLE'))
    // As in Spicerack.
    expect(errors[4]).toBeInstanceOf(LockError)
  },
  40_000,
)

it.concurrent(
  'an etcd that has no room left refuses at once, and in words',
  async () => {
    await using full = await EtcdServer.start({ args: ['--quota-backend-bytes', '16777216'] })
    await using crowded = lockAt(full.endpoint)
    await fill(full.endpoint)
    const start = performance.now()
    const failing = crowded.acquire(freshName(), exclusive)
    await expect(failing).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    await expect(failing).rejects.toThrow('database space exceeded')
    expect(performance.now() - start).toBeLessThan(5_000)
  },
  40_000,
)

async function fill(endpoint: string): Promise<void> {
  const store = storeAt(endpoint)
  const value = 'x'.repeat(1_000_000)
  const put = (): Promise<unknown> =>
    store.commit({ compare: [], success: [{ type: 'put', key: '/hog', value }], failure: [] })
  for (let written = 0; written < 40; written++) {
    const isFull = await put().then(
      () => false,
      (error: Error) => error.message.includes('space exceeded'),
    )
    if (isFull) break
  }
  await store.close()
}
