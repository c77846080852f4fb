import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock, LockEvent } from '../../lib/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt, storeAt, useEtcdServer } from '../support/etcd.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const terms = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()
let proxy: TcpProxy
/** Behind the proxy. */
let observer: Lock
let lock: Lock
let name: string
let told: LockEvent[]

beforeEach(async () => {
  proxy = await TcpProxy.to(etcd.get().endpoint)
  observer = lockAt(proxy.endpoint, { config: { endpoints: [proxy.endpoint], read_timeout: 1 } })
  lock = lockAt(etcd.get().endpoint)
  name = freshName()
  told = []
  void (async () => {
    for await (const event of observer.events(name)) told.push(event)
  })().catch(() => {})
  await eventually(async () => {
    const id = await cycle()
    await eventually(() => expect(told.at(-1)).toMatchObject({ type: 'released', id }), 500)
  })
  told.length = 0
})
afterEach(async () => {
  await observer.close()
  await lock.close()
  await proxy.close()
})

async function compact(): Promise<void> {
  const read = { compare: [], success: [{ type: 'range' as const, key: name }], failure: [] }
  const store = storeAt(etcd.get().endpoint)
  const { revision } = await store.commit(read)
  await store.close()
  const compaction = { method: 'POST', body: JSON.stringify({ revision: String(revision), physical: true }) }
  expect((await fetch(`${etcd.get().endpoint}/v3/kv/compaction`, compaction)).status).toBe(200)
}

async function cycle(): Promise<string> {
  const id = await lock.acquire(name, terms)
  await lock.release(name, id)
  return id
}

it('no event is lost or told twice when the connection is cut again and again', async () => {
  const cycles = 100
  for (let done = 0; done < cycles; done++) {
    if (done % 10 === 5) proxy.cut()
    await cycle()
  }
  await eventually(() => expect(told.length).toBeGreaterThanOrEqual(2 * cycles))
  const expected = Array.from({ length: cycles }, () => ['granted', 'released']).flat()
  expect(told.map(({ type }) => type)).toEqual(expected)
  expect(new Set(told.map(({ revision }) => revision)).size).toBe(2 * cycles)
}, 30_000)

it('what happened before a compaction that was missed is told by what has come of it, and no more', async () => {
  const three = { ...terms, concurrency: 3 }
  const [gone, stays, taken] = [
    await lock.hold(name, three),
    await lock.hold(name, three),
    await lock.hold(name, three),
  ]
  await eventually(() => expect(told).toHaveLength(3))
  told.length = 0
  proxy.deafen()
  proxy.cut()
  await gone.release()
  const first = await lock.hold(name, three)
  await Promise.all([first.extend(90), stays.extend(90)])
  await lock.forceRelease(name, taken.id, { reason: 'to see' })
  const second = await lock.hold(name, three)
  const waits = Array.from({ length: 3 }, () => lock.acquire(name, three))
  await eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(3))
  const waiters = (await lock.inspect(name)).waiters.map(({ id }) => ({ type: 'queued', id }))
  await compact()
  proxy.deafen(false)
  await eventually(() => expect(told.length).toBeGreaterThanOrEqual(7), 15_000)
  expect(told).toMatchObject([
    { type: 'ended', id: gone.id },
    { type: 'granted', id: first.id, revision: first.fencingToken },
    { type: 'forced', id: taken.id, by: 'tester', reason: 'to see' },
    { type: 'granted', id: second.id, revision: second.fencingToken },
    ...waiters,
  ])
  const revisions = told.map(({ revision }) => Number(revision))
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
  for (const each of [first, second, stays]) await each.release()
  await eventually(() =>
    expect(
      told
        .slice(7)
        .map(({ type }) => type)
        .sort(),
    ).toEqual([...['granted', 'granted', 'granted', 'released', 'released', 'released']]),
  )
  for (const wait of waits) await lock.release(name, await wait)
}, 30_000)

describe('where etcd was never reached', () => {
  const nowhere = 'http://127.0.0.1:1'

  it('the abort ends the events at once', async () => {
    const unreached = lockAt(nowhere)
    const abort = new AbortController()
    const next = unreached.events(name, { signal: abort.signal }).next()
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 200)
    const start = performance.now()
    await expect(next).rejects.toBe(reason)
    expect(performance.now() - start).toBeLessThan(1_500)
    await unreached.close()
  })

  it('the loop says so', async () => {
    const unreached = lockAt(nowhere)
    await expect(unreached.events(name).next()).rejects.toThrow('etcd cannot be reached')
    await unreached.close()
  })

  it('a server ends', async () => {
    const server = await RelukkoServer.create({ config: { endpoints: [nowhere] }, apiKeys: { test: 'key' } })
    await server.listen({ port: 0 })
    const start = performance.now()
    await server.close()
    expect(performance.now() - start).toBeLessThan(3_000)
  })
})
