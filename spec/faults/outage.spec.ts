import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { EtcdLockUnavailableError, type Lock, LockError } from '../../lib/index.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { freePorts } from '../../lib/testing/free-port.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt, storeAt, useEtcdServer } from '../support/etcd.js'

const exclusive = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()
let lock: Lock
let other: Lock
let name: string

beforeEach(() => {
  lock = lockAt(etcd.get().endpoint)
  other = lockAt(etcd.get().endpoint, { owner: 'other' })
  name = freshName()
})
afterEach(() => Promise.all([lock.close(), other.close()]))

const holders = async (): Promise<string[]> => [...(await lock.get(name)).locks.keys()]
const queued = (): Promise<void> =>
  eventually(async () => expect((await other.inspect(name)).waiters).toHaveLength(1))

describe('etcd down at the start', () => {
  it('is an error in seconds that says what to check', async () => {
    const [port] = await freePorts(1)
    const nowhere = lockAt(`http://127.0.0.1:${port}`)
    const start = performance.now()
    const error = await nowhere.acquire(name, exclusive).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(EtcdLockUnavailableError)
    expect(error).toMatchObject({ code: 'ETCD_UNAVAILABLE', key: `/spicerack/locks/custom/${name}` })
    expect((error as Error).message).toContain('Check that etcd runs')
    expect(performance.now() - start).toBeLessThan(10_000)
    await expect(nowhere.get(name)).rejects.toThrow(LockError)
    await nowhere.close()
  }, 30_000)
})

describe('etcd stopped in its tracks and resumed', () => {
  it('during a wait: the waiter keeps waiting and gets the lock', async () => {
    const first = await other.acquire(name, exclusive)
    const acquiring = lock.acquire(name, exclusive)
    await queued()
    await etcd.get().pause()
    // Longer than gRPC's keepalive bears, so that every connection is given up meanwhile.
    await expect(other.get(name)).rejects.toThrow(LockError)
    await etcd.get().resume()
    await eventually(() => other.get(name), 30_000)
    await other.release(name, first)
    const second = await acquiring
    expect(await holders()).toEqual([second])
  }, 60_000)

  it('during a wait that ends: the caller hears in time, and nothing is left', async () => {
    const first = await other.acquire(name, exclusive)
    const controller = new AbortController()
    const acquiring = lock.acquire(name, { ...exclusive, signal: controller.signal })
    await queued()
    await etcd.get().pause()
    const start = performance.now()
    controller.abort(new Error('enough'))
    await expect(acquiring).rejects.toThrow('enough')
    expect(performance.now() - start).toBeLessThan(3_000)
    await etcd.get().resume()
    await eventually(async () => expect(await other.inspect(name)).toMatchObject({ waiters: [] }), 30_000)
    expect(await holders()).toEqual([first])
  }, 60_000)
})

describe('etcd killed and restarted', () => {
  it('during a wait: the waiter keeps its place and gets the lock', async () => {
    const first = await other.acquire(name, exclusive)
    const acquiring = lock.acquire(name, exclusive)
    await queued()
    await etcd.get().kill()
    await etcd.get().restart()
    await eventually(() => other.get(name), 30_000)
    await other.release(name, first)
    const second = await acquiring
    expect(await holders()).toEqual([second])
  }, 60_000)

  it('during a hold: the lock is still held, and is released', async () => {
    const id = await lock.acquire(name, exclusive)
    await etcd.get().kill()
    await etcd.get().restart()
    await expect(other.acquire(name, { ...exclusive, wait: 0 })).rejects.toMatchObject({
      code: 'LOCK_UNAVAILABLE',
    })
    await lock.release(name, id)
    expect(await holders()).toEqual([])
  }, 60_000)

  it('during an acquire: it gets through when etcd is back', async () => {
    await lock.get(name)
    await etcd.get().kill()
    const acquiring = lock.acquire(name, exclusive)
    await etcd.get().restart()
    const id = await acquiring
    expect(await holders()).toEqual([id])
  }, 60_000)
})

it('one try ends in seconds when an etcd that served before is gone', async () => {
  await lock.release(name, await lock.acquire(name, exclusive))
  await etcd.get().kill()
  const start = performance.now()
  const failing = lock.acquire(name, { ...exclusive, wait: 0 })
  await expect(failing).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' })
  await expect(lock.tryAcquire(name)).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' })
  expect(performance.now() - start).toBeLessThan(15_000)
  const reads = [lock.list(), lock.inspect(name), lock.get(name), lock.events().next()]
  const errors = await Promise.all(reads.map(read => read.catch((error: unknown) => error)))
  expect(errors.map(error => (error as LockError).code)).toEqual(reads.map(() => 'ETCD_UNAVAILABLE'))
  // As in Spicerack.
  expect(errors[2]).toBeInstanceOf(LockError)
  await etcd.get().restart()
}, 40_000)

it('an etcd that has no room left refuses at once, and in words', async () => {
  await using full = await EtcdServer.start({ args: ['--quota-backend-bytes', '16777216'] })
  const crowded = lockAt(full.endpoint)
  await fill(full.endpoint)
  const start = performance.now()
  const failing = crowded.acquire(name, exclusive)
  await expect(failing).rejects.toMatchObject({ code: 'LOCK_ERROR' })
  await expect(failing).rejects.toThrow('database space exceeded')
  expect(performance.now() - start).toBeLessThan(5_000)
  await crowded.close()
}, 40_000)

async function fill(endpoint: string): Promise<void> {
  const store = storeAt(endpoint)
  const value = 'x'.repeat(1_000_000)
  const put = (): Promise<unknown> =>
    store.commit({ compare: [], success: [{ type: 'put', key: '/hog', value }], failure: [] })
  for (let written = 0; written < 40; written++) {
    const isFull = await put().then(
      () => false,
      () => true,
    )
    if (isFull) break
  }
  await store.close()
}
