import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { freePorts } from '../../lib/testing/free-port.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const terms = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()
let proxy: TcpProxy
let dead: string

beforeAll(async () => {
  proxy = await TcpProxy.to(etcd.get().endpoint)
  proxy.deafen()
  const [port] = await freePorts(1)
  dead = `http://127.0.0.1:${port}`
})
afterAll(() => proxy.close())

describe('of endpoints', () => {
  const lockOn = (first: string, options: object = {}): ReturnType<typeof lockAt> =>
    lockAt(first, { config: { endpoints: [first, etcd.get().endpoint], read_timeout: 1, ...options } })

  it.concurrent.each([
    ['refuses connections', () => dead],
    ['accepts and never answers', () => proxy.endpoint],
  ])('the second serves when the first %s', async (_, first) => {
    const lock = lockOn(first())
    const name = freshName()
    const id = await lock.acquire(name, terms)
    expect([...(await lock.get(name)).locks.keys()]).toEqual([id])
    await lock.release(name, id)
    await lock.close()
  })

  it.concurrent(
    'only the first is used without allow_reconnect',
    async () => {
      const lock = lockOn(dead, { allow_reconnect: false })
      await expect(lock.acquire(freshName(), terms)).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' })
      await lock.close()
    },
    20_000,
  )

  it.concurrent(
    'an endpoint that accepted and never answered serves when it is well again',
    async () => {
      await using sick = await TcpProxy.to(etcd.get().endpoint)
      sick.deafen()
      const { endpoint } = sick
      const lock = lockAt(endpoint, { config: { endpoints: [endpoint], read_timeout: 1 } })
      const name = freshName()
      await expect(lock.acquire(name, terms)).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' })
      sick.deafen(false)
      const id = await lock.acquire(name, terms)
      await lock.release(name, id)
      await lock.close()
    },
    20_000,
  )
})
