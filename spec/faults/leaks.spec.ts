import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, it } from '@jest/globals'
import type { CyclerReport } from '../support/cycler.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { spawnTs } from '../support/run-ts.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const etcd = useEtcdServer()

const post = async (method: string, body: object = {}): Promise<Record<string, unknown>> => {
  const url = `${etcd.get().endpoint}/v3/${method}`
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  return (await response.json()) as Record<string, unknown>
}

/** What clients have left in etcd. */
async function leftovers(): Promise<object> {
  const all = Buffer.from('\0').toString('base64')
  const { kvs = [] } = await post('kv/range', { key: all, range_end: all, keys_only: true })
  const { leases = [] } = await post('lease/leases')
  const metrics = await (await fetch(`${etcd.get().endpoint}/metrics`)).text()
  const watchers = /^etcd_debugging_mvcc_watcher_total (\d+)/m.exec(metrics)?.[1]
  return { kvs, leases, watchers }
}

const CYCLES = 800
/** Of the heap, for each cycle of the second half. */
const MOST_BYTES = 3_000

it('hundreds of cycles, a tenth of them contended, leave nothing in etcd nor in the process, which ends', async () => {
  const options = { endpoints: etcd.get().endpoints, cycles: CYCLES, loops: 16 }
  const child = await spawnTs('spec/support/cycler.ts', [JSON.stringify(options)])
  const said = text(child.stdout!)
  const [code] = (await once(child, 'close')) as [number]
  const { heapGrowth, ...rest } = JSON.parse(await said) as CyclerReport
  expect({ code, ...rest }).toEqual({ code: 0, warnings: 0, listeners: 0, resources: [] })
  expect(heapGrowth).toBeLessThan((CYCLES / 2) * MOST_BYTES)
  await eventually(async () => expect(await leftovers()).toEqual({ kvs: [], leases: [], watchers: '0' }))
}, 120_000)

it('a closed lock leaves no connection, neither of calls nor of streams', async () => {
  const proxy = await TcpProxy.to(etcd.get().endpoint)
  const lock = lockAt(proxy.endpoint)
  const name = freshName()
  const terms = { concurrency: 1, ttl: 60 }
  const id = await lock.acquire(name, terms)
  await expect(lock.acquire(name, { ...terms, wait: 0.2 })).rejects.toMatchObject({
    code: 'LOCK_UNAVAILABLE',
  })
  await lock.release(name, id)
  expect(proxy.open).toBeGreaterThan(0)
  await lock.close()
  await eventually(() => expect(proxy.open).toBe(0), 3_000)
  await proxy.close()
})

it.each([
  ['has released', false, 'done'],
  ['has waited in vain', true, 'LOCK_UNAVAILABLE'],
])(
  'a process that %s and never closes its lock ends by itself',
  async (_, mustWait, outcome) => {
    const lock = lockAt(etcd.get().endpoint)
    const taken = freshName()
    const id = await lock.acquire(taken, { concurrency: 1, ttl: 60 })
    const child = await spawnTs('spec/support/careless.ts', [
      etcd.get().endpoint,
      ...(mustWait ? [taken] : []),
    ])
    const ended = once(child, 'exit')
    await once(child.stdout!, 'readable')
    const start = performance.now()
    expect(await text(child.stdout!)).toBe(outcome)
    expect(await ended).toEqual([0, null])
    expect(performance.now() - start).toBeLessThan(4_000)
    await lock.release(taken, id)
    await lock.close()
  },
  30_000,
)
