import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { Timestamp } from '../../lib/index.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
const store = new MemoryStore()
let server: RelukkoServer
let url: URL

beforeAll(async () => {
  server = await RelukkoServer.create({ store, apiKeys: { test: KEY } })
  url = new URL(await server.listen({ port: 0 }))
})
afterAll(async () => {
  await server.close()
  await store.close()
})

it('a client that reads nothing delays nobody, and is cut off', async () => {
  const name = freshName()
  const socket = connect(Number(url.port), url.hostname)
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
  socket.on('error', () => {})
  socket.write(`GET /v2/events HTTP/1.1\r\nHost: ${url.host}\r\nX-Api-Key: ${KEY}\r\n\r\n`)
  const first = await new Promise<Buffer>(resolve => socket.once('data', resolve))
  expect(String(first)).toContain('200 OK')
  await eventually(() => expect(socket.bytesRead).toBeGreaterThan(200))
  socket.pause()

  const owner = 'x'.repeat(50_000)
  const value = JSON.stringify({ concurrency: 1, created: String(Timestamp.now()), owner, ttl: 60 })
  const holders = 600
  for (let holder = 0; holder < holders; holder++) {
    const key = new LockKey('custom', name).holder(String(holder))
    await store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
  }
  socket.resume()
  await closed
  expect(socket.bytesRead).toBeLessThan(holders * owner.length)
}, 30_000)
