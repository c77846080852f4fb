import { createSocket } from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { resolveEndpoints } from '../../lib/config/etcd-options.js'
import type { SrvResolver } from '../../lib/config/srv.js'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const etcd = useEtcdServer()
const read = (store: EtcdStore): Promise<unknown> =>
  store.commit({ compare: [], success: [{ type: 'range', key: '/a' }], failure: [] })

describe('a domain with SRV records', () => {
  let proxies: TcpProxy[]
  let targets: TcpProxy[]
  let resolveSrv: SrvResolver
  let store: EtcdStore
  let warnings: string[]

  const records: SrvResolver = name =>
    Promise.resolve(
      name.startsWith('_etcd-client._tcp')
        ? targets.map((target, priority) => {
            const { hostname, port } = new URL(target.endpoint)
            return { name: hostname, port: Number(port), priority, weight: 0 }
          })
        : [],
    )
  beforeEach(async () => {
    proxies = await Promise.all([1, 2, 3].map(() => TcpProxy.to(etcd.get().endpoint)))
    targets = proxies.slice(0, 1)
    resolveSrv = records
    warnings = []
    const options = {
      resolveSrv: (name: string) => resolveSrv(name),
      warn: (text: string) => void warnings.push(text),
    }
    store = new EtcdStore(await resolveEndpoints({ srv_domain: 'example', read_timeout: 1 }, options))
    await read(store)
  })
  afterEach(async () => {
    await store.close()
    await Promise.all(proxies.map(proxy => proxy.close()))
  })

  it.each([[[1]], [[1, 2]]])('that names others by now leads a running process to them: %j', async others => {
    let events = 0
    const watch = store.watch(
      { key: '/a' },
      { onEvents: () => void events++, onGap: () => {}, onEnd: () => {} },
    )
    await watch.ready
    targets = others.map(index => proxies[index]!)
    proxies[0]!.refuse()
    await eventually(() => read(store))
    await store.commit({ compare: [], success: [{ type: 'put', key: '/a', value: '' }], failure: [] })
    await eventually(() => expect(events).toBe(1))
    expect(warnings).toEqual([])
  })

  it.each<[string, SrvResolver, number]>([
    ['does not resolve any more', () => Promise.resolve([]), 1],
    ['is not answered for', () => new Promise(() => {}), 0],
  ])('that %s leaves the endpoints in use that were known', async (_, resolver, told) => {
    resolveSrv = resolver
    for (let times = 0; times < 2; times++) {
      proxies[0]!.deafen()
      proxies[0]!.cut()
      await expect(read(store)).rejects.toMatchObject({ reason: 'unreachable' })
      proxies[0]!.deafen(false)
      await eventually(() => read(store))
    }
    expect(warnings).toHaveLength(told)
  })
})

describe('the name of a host', () => {
  afterEach(() => {
    jest.restoreAllMocks()
  })

  it('is looked up for each new connection', async () => {
    const { port } = new URL(etcd.get().endpoint)
    // Nobody listens there.
    let address = '127.0.0.254'
    const real = dns.lookup
    type Lookup = (name: string, options: object, done: (...found: unknown[]) => void) => void
    jest
      .spyOn(dns, 'lookup')
      .mockImplementation(((name, options, done) =>
        name === 'etcd.example'
          ? done(null, [{ address, family: 4 }])
          : (real as Lookup)(name, options, done)) as Lookup as typeof real)
    const endpoints = [`http://etcd.example:${port}`]
    const store = new EtcdStore({ endpoints, callTimeoutMs: 1_000, failover: true })
    await expect(read(store)).rejects.toMatchObject({ reason: 'unreachable' })
    address = '127.0.0.1'
    await eventually(() => read(store))
    await store.close()
  })
})

it('a name server that is silent is an error in seconds', async () => {
  const silent = createSocket('udp4')
  silent.bind(0, '127.0.0.1')
  await once(silent, 'listening')
  const servers = dns.promises.getServers()
  dns.promises.setServers([`127.0.0.1:${silent.address().port}`])
  const lock = lockAt('', { config: { srv_domain: 'example' } })
  try {
    const start = performance.now()
    await expect(lock.acquire(freshName(), { concurrency: 1, ttl: 60, wait: 0 })).rejects.toMatchObject({
      code: 'ETCD_UNAVAILABLE',
    })
    expect(performance.now() - start).toBeLessThan(8_000)
  } finally {
    dns.promises.setServers(servers)
    silent.close()
    await lock.close()
  }
}, 60_000)
