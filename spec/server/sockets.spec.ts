import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import WebSocket from 'ws'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { RelukkoAdapter } from '../../lib/relukko/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { StoreError } from '../../lib/store/store-error.js'
import type { Store, WatchListener } from '../../lib/store/store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
let store: MemoryStore
let server: RelukkoServer
let url: string
let relukko: RelukkoAdapter

beforeEach(async () => {
  store = new MemoryStore()
  relukko = new RelukkoAdapter({ store })
  server = await RelukkoServer.create({ store, apiKeys: { test: KEY }, pingSeconds: 1 })
  url = await server.listen({ port: 0 })
})
afterEach(async () => {
  await relukko.close()
  await server.close()
  await store.close()
})

interface Listener {
  readonly socket: WebSocket
  readonly frames: string[]
}

async function listen(): Promise<Listener> {
  const frames: string[] = []
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/broadcast`, { headers: { 'x-api-key': KEY } })
  socket.on('message', (data: Buffer) => frames.push(data.toString()))
  socket.on('error', () => {})
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
  return { socket, frames }
}

/** A WebSocket that never reads, and never answers. */
async function deaf(): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(
    [
      'GET /ws/broadcast HTTP/1.1',
      `Host: ${hostname}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `X-Api-Key: ${KEY}`,
      '\r\n',
    ].join('\r\n'),
  )
  await new Promise(resolve => socket.once('data', resolve))
  socket.pause()
  return socket
}

it('a client that sends garbage hears as before', async () => {
  const { socket, frames } = await listen()
  for (const garbage of ['', 'hello', '{"deleted": {}}', randomBytes(1_000)]) socket.send(garbage)
  socket.ping(randomBytes(100))
  await relukko.acquireRelukko(freshName(), 'me', 0)
  await eventually(() => expect(frames).toHaveLength(1))
  socket.terminate()
})

it('a client that sends more than anybody has to say is cut off', async () => {
  const { socket } = await listen()
  const closed = new Promise<number>(resolve => socket.on('close', resolve))
  socket.send(randomBytes(100_000))
  expect(await closed).toBe(1009)
})

it('a client that was cut is forgotten', async () => {
  const { socket } = await listen()
  await eventually(() => expect(server.listeners).toBe(1))
  socket.terminate()
  await eventually(() => expect(server.listeners).toBe(0))
})

it('a client that answers no ping is forgotten, one that does stays', async () => {
  const { socket, frames } = await listen()
  const silent = await deaf()
  await eventually(() => expect(server.listeners).toBe(2))
  await eventually(() => expect(server.listeners).toBe(1), 4_000)
  await relukko.acquireRelukko(freshName(), 'me', 0)
  await eventually(() => expect(frames).toHaveLength(1))
  silent.destroy()
  socket.terminate()
})

it('a client that reads nothing delays nobody, and is cut off when too much is kept for it', async () => {
  // Silence is not what it is cut off for.
  await using patient = await RelukkoServer.create({ store, apiKeys: { test: KEY }, pingSeconds: 300 })
  url = await patient.listen({ port: 0 })
  const { socket, frames } = await listen()
  const silent = await deaf()
  await eventually(() => expect(patient.listeners).toBe(2))
  const lock = (await relukko.acquireRelukko(freshName(), 'me', 0))!
  const key = LockKey.record(lock.id)
  const changes = 400
  for (let change = 0; change < changes; change++) {
    // No client could write as much, so that few changes do.
    const value = JSON.stringify({ ...lock.toJSON(), creator: `${change}`.padEnd(50_000, 'x') })
    await store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
    // An etcd is not as quick.
    await setImmediate()
  }
  await eventually(() => expect(frames).toHaveLength(1 + changes), 5_000)
  await eventually(() => expect(patient.listeners).toBe(1))
  silent.destroy()
  socket.terminate()
}, 30_000)

it('a client that reads hears all of what happens at once', async () => {
  const { socket, frames } = await listen()
  const lock = (await relukko.acquireRelukko(freshName(), 'me', 0))!
  const changes = Array.from({ length: 200 }, (_, change) => {
    const value = JSON.stringify({ ...lock.toJSON(), creator: `${change}`.padEnd(50_000, 'x') })
    const success = [{ type: 'put' as const, key: LockKey.record(lock.id), value }]
    return store.commit({ compare: [], success, failure: [] })
  })
  await Promise.all(changes)
  await eventually(() => expect(frames).toHaveLength(1 + changes.length), 5_000)
  socket.terminate()
})

it('a thousand clients hear of a deletion', async () => {
  const listeners = await Promise.all(Array.from({ length: 1_000 }, listen))
  await eventually(() => expect(server.listeners).toBe(1_000), 5_000)
  const lock = (await relukko.acquireRelukko(freshName(), 'me', 0))!
  await relukko.deleteRelukko(lock.id)
  const told = `{"deleted":${JSON.stringify(lock)}}`
  await eventually(() => expect(listeners.every(({ frames }) => frames.at(-1) === told)).toBe(true), 5_000)
  for (const { socket } of listeners) socket.terminate()
  await eventually(() => expect(server.listeners).toBe(0), 5_000)
}, 60_000)

it('tells its clients that it ends', async () => {
  const { socket } = await listen()
  const closed = new Promise<number>(resolve => socket.on('close', resolve))
  await server.close()
  expect(await closed).toBe(1001)
})

it('does not wait long for one that answers nothing when it ends', async () => {
  const { socket } = await listen()
  const silent = await deaf()
  await eventually(() => expect(server.listeners).toBe(2))
  const start = performance.now()
  await server.close()
  expect(performance.now() - start).toBeLessThan(4_000)
  silent.destroy()
  socket.terminate()
})

it('lets go of the lease of a lock that another server has released', async () => {
  await using other = await RelukkoServer.create({ store, apiKeys: { test: KEY } })
  const address = await other.listen({ port: 0 })
  const ask = async (method: string, at: string, body?: object): Promise<{ id: string }> => {
    const answer = await fetch(at, {
      method,
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    return (await answer.json()) as { id: string }
  }
  const lock_name = freshName()
  const { id } = await ask('POST', `${url}/v1/locks`, { lock_name, ttl: 1_000_000 })
  const holder = new LockKey('custom', lock_name).holder(id)
  const range = { compare: [], success: [{ type: 'range' as const, key: holder }], failure: [] }
  const { lease } = (await store.commit(range)).results[0]![0]!
  expect(await store.leases.renew(lease!)).toBeGreaterThan(1_000_000)
  await ask('DELETE', `${address}/v2/locks/custom/${lock_name}/${id}?reason=test`)
  await eventually(async () => expect(await store.leases.renew(lease!)).toBe(0))
})

it('what happens while the watch has failed is told when it stands again', async () => {
  const watched: WatchListener[] = []
  const failing: Store = {
    commit: transaction => store.commit(transaction),
    leases: store.leases,
    watch: (range, listener) => {
      watched.push(listener)
      return store.watch(range, listener)
    },
    close: () => Promise.resolve(),
  }
  await using other = await RelukkoServer.create({ store: failing, apiKeys: { test: KEY } })
  url = await other.listen({ port: 0 })
  const [kept, released] = [freshName(), freshName()]
  await relukko.acquireRelukko(kept, 'me', 0)
  const { id } = (await relukko.acquireRelukko(released, 'me', 0))!
  const { socket, frames } = await listen()
  await eventually(() => expect(watched).toHaveLength(1))
  const taken = freshName()
  await relukko.acquireRelukko(taken, 'me', 0)
  await eventually(() => expect(frames).toHaveLength(1))
  watched[0]!.onEnd(new StoreError('refused', 'The test has ended the watch.'))
  await relukko.deleteRelukko(id)
  await eventually(() => expect(frames).toHaveLength(2), 5_000)
  expect(frames.map(frame => JSON.parse(frame) as object)).toMatchObject([
    { created: { lock_name: taken } },
    { deleted: { lock_name: released } },
  ])
  socket.terminate()
})
