import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Requests } from '../../lib/server/http/requests.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
let store: MemoryStore
let server: RelukkoServer
let url: string
let socket: Socket

beforeEach(async () => {
  store = new MemoryStore()
  server = await RelukkoServer.create({ store, apiKeys: { test: KEY } })
  url = await server.listen({ port: 0 })
  socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
})
afterEach(async () => {
  socket.destroy()
  await server.close()
  await store.close()
})

/** Milliseconds that the end of the server takes. */
async function close(): Promise<number> {
  const start = performance.now()
  await server.close()
  return performance.now() - start
}

it.each([
  ['has said nothing', ''],
  ['is in the middle of a head', 'GET /v1/locks HTTP/1.1\r\nHost: x\r\n'],
  ['has been answered', `GET /healthchecker HTTP/1.1\r\nHost: x\r\n\r\n`],
])('does not wait for a connection that %s', async (_, head) => {
  await fetch(`${url}/healthchecker`)
  const isAnswered = head.endsWith('\r\n\r\n') ? once(socket, 'data') : undefined
  socket.write(head)
  await isAnswered
  expect(await close()).toBeLessThan(1_000)
})

it('does not wait for long for a body that does not come', async () => {
  socket.write(
    `POST /v1/locks HTTP/1.1\r\nHost: x\r\nX-api-Key: ${KEY}\r\nContent-Type: application/json\r\n`,
  )
  socket.write('Content-Length: 100\r\n\r\n{')
  await fetch(`${url}/healthchecker`)
  expect(await close()).toBeLessThan(7_000)
})

it('answers its waiters, and ends then', async () => {
  const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }
  const post = (query: string): Promise<Response> =>
    fetch(`${url}/v1/locks${query}`, { method: 'POST', headers, body: '{"lock_name": "a"}' })
  expect((await post('')).status).toBe(201)
  const waiting = post('?wait=60')
  await eventually(async () => {
    const { waiters } = (await (await fetch(`${url}/v2/locks/custom/a`, { headers })).json()) as {
      waiters: []
    }
    expect(waiters).toHaveLength(1)
  })
  expect(await close()).toBeLessThan(2_000)
  expect((await waiting).status).toBe(503)
})

it('cuts what connects after that, while it listens still', async () => {
  const http = createServer()
  const requests = new Requests(http)
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  await requests.finish()
  const late = connect((http.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  late.resume()
  await once(late, 'close')
  await new Promise(resolve => http.close(resolve))
}, 5_000)
