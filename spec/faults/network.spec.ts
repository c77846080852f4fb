import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { eventually } from '../support/eventually.js'
import { BusyEtcd } from '../support/busy-etcd.js'
import { freshName, lockAt, storeAt, useEtcdServer } from '../support/etcd.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const exclusive = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()
let proxy: TcpProxy
let direct: Lock
let proxied: Lock
let name: string

beforeEach(async () => {
  proxy = await TcpProxy.to(etcd.get().endpoint)
  direct = lockAt(etcd.get().endpoint)
  proxied = lockAt(proxy.endpoint, { owner: 'behind the proxy' })
  name = freshName()
  // Leases for holding and waiting are in the pool now: the next acquire is one transaction.
  const warmUp = freshName()
  await proxied.release(warmUp, await proxied.acquire(warmUp, exclusive))
})
afterEach(async () => {
  await Promise.all([direct.close(), proxied.close()])
  await proxy.close()
})

const holders = async (): Promise<string[]> => [...(await direct.get(name)).locks.keys()]
const waiters = async (): Promise<number> => (await direct.inspect(name)).waiters.length

describe('a lost answer', () => {
  it('of a grant: the lock is held once, under the id that the caller gets', async () => {
    proxy.mute()
    const acquiring = proxied.acquire(name, exclusive)
    await eventually(async () => expect(await holders()).toHaveLength(1))
    proxy.cut()
    const id = await acquiring
    expect(await holders()).toEqual([id])
    await proxied.release(name, id)
    expect(await direct.inspect(name)).toMatchObject({ holders: [], waiters: [] })
  })

  it('of queueing up: there is one ticket, and the lock is granted in turn', async () => {
    const first = await direct.acquire(name, exclusive)
    proxy.mute()
    const acquiring = proxied.acquire(name, exclusive)
    await eventually(async () => expect(await waiters()).toBe(1))
    proxy.cut()
    await direct.release(name, first)
    const id = await acquiring
    expect(await holders()).toEqual([id])
    expect(await waiters()).toBe(0)
  })

  it('of a release: it is released once, and the next holder keeps the lock', async () => {
    const id = await proxied.acquire(name, exclusive)
    proxy.mute()
    const releasing = proxied.release(name, id)
    await eventually(async () => expect(await holders()).toEqual([]))
    const next = await direct.acquire(name, exclusive)
    proxy.cut()
    await releasing
    expect(await holders()).toEqual([next])
  })

  it('of leaving the queue: nothing is left behind', async () => {
    const first = await direct.acquire(name, exclusive)
    const controller = new AbortController()
    const acquiring = proxied.acquire(name, { ...exclusive, signal: controller.signal })
    await eventually(async () => expect(await waiters()).toBe(1))
    proxy.mute()
    controller.abort(new Error('changed my mind'))
    await expect(acquiring).rejects.toThrow('changed my mind')
    proxy.cut()
    await eventually(async () => expect(await waiters()).toBe(0))
    expect(await holders()).toEqual([first])
  })
})

it('a watch that was cut goes on where it stood', async () => {
  const first = await direct.acquire(name, exclusive)
  const acquiring = proxied.acquire(name, exclusive)
  await eventually(async () => expect(await waiters()).toBe(1))
  proxy.cut()
  await direct.release(name, first)
  const id = await acquiring
  expect(await holders()).toEqual([id])
})

it('a transaction is sent once to an etcd that is not available', async () => {
  const busy = await BusyEtcd.start()
  const store = storeAt(busy.endpoint)
  const put = { type: 'put' as const, key: `/${name}`, value: 'once' }
  await expect(store.commit({ compare: [], success: [put], failure: [] })).rejects.toMatchObject({
    reason: 'unreachable',
  })
  expect(busy.calls).toBe(1)
  await store.close()
  busy.close()
})

it('a transaction is sent once, whatever becomes of its answer', async () => {
  const [straight, muted] = [storeAt(etcd.get().endpoint), storeAt(proxy.endpoint, 500)]
  const key = `/${name}`
  const put = { compare: [], success: [{ type: 'put' as const, key, value: 'once' }], failure: [] }
  const range = { compare: [], success: [{ type: 'range' as const, key }], failure: [] }
  await muted.commit(range)
  proxy.mute()
  await expect(muted.commit(put)).rejects.toMatchObject({ reason: 'unreachable' })
  const [written] = (await straight.commit(range)).results[0]!
  expect(written!.modRevision).toBe(written!.createRevision)
  proxy.cut()
  await Promise.all([straight.close(), muted.close()])
})
