import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { redirected } from '../../lib/relukko/client/http/redirect.js'
import { RelukkoClient, type RelukkoClientOptions } from '../../lib/relukko/index.js'
import { useCertificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { HttpServer, json, redirect } from '../support/http-server.js'
import { RELUKKO_LOCK as LOCK } from '../support/relukko-lock.js'

const certificates = useCertificates()
const KEY = 'a secret of the test'
let balancer: HttpServer
let node: HttpServer
let clients: RelukkoClient[]
const make = (options: RelukkoClientOptions = {}, url = balancer.url): RelukkoClient => {
  const client = new RelukkoClient(url, KEY, { delay: 0.01, ...options })
  clients.push(client)
  return client
}

beforeEach(async () => {
  clients = []
  node = await HttpServer.start((_, response) => json(response, 200, LOCK))
  balancer = await HttpServer.start((request, response) => redirect(response, 307, node.url + request.url))
})
afterEach(async () => {
  await Promise.all(clients.map(client => client.close()))
  await Promise.all([balancer.stop(), node.stop()])
})

it.each([301, 302, 307, 308])('follows %d with method, body and key', async status => {
  balancer.answer = (request, response) =>
    request.url!.startsWith('/moved')
      ? json(response, request.method === 'POST' ? 201 : 200, LOCK)
      : redirect(response, status, `/moved${request.url}`)
  const client = make()
  expect(await client.acquireRelukko('a lock', 'us', 0)).toMatchObject({ id: LOCK.id })
  await client.deleteRelukko(LOCK.id)
  expect(balancer.asked).toEqual([
    'POST /v1/locks/',
    'POST /moved/v1/locks/',
    `DELETE /v1/locks/${LOCK.id}`,
    `DELETE /moved/v1/locks/${LOCK.id}`,
  ])
  expect(balancer.bodies[1]).toBe(balancer.bodies[0])
  expect(JSON.parse(balancer.bodies[1]!)).toEqual({ lock_name: 'a lock', creator: 'us' })
  expect(new Set(balancer.keys)).toEqual(new Set([KEY]))
})

it('follows 303 by asking with GET and without body', async () => {
  balancer.answer = (request, response) =>
    request.method === 'PUT' ? redirect(response, 303, '/there?a=b') : json(response, 200, LOCK)
  await make().keepRelukkoAlivePut(LOCK.id, 60)
  expect(balancer.asked).toEqual([`PUT /v1/locks/${LOCK.id}/keep_alive`, 'GET /there?a=b'])
  expect(balancer.bodies[1]).toBe('')
})

it.each(['origin', 'port that it does not know'])('sends no key to another %s', async other => {
  if (other === 'origin') {
    const { port } = new URL(node.url)
    balancer.answer = (request, response) =>
      redirect(response, 307, `http://localhost:${port}${request.url}?secret=s3cret`)
  }
  const failing = make().acquireRelukko('a lock', null, 0)
  await expect(failing).rejects.toMatchObject({ code: 'RELUKKO_SERVER', status: 307 })
  await expect(failing).rejects.toThrow(/POST .* was redirected \(307\) to http:.*'trustedOrigins'/)
  await expect(failing).rejects.not.toThrow('s3cret')
  expect(balancer.asked).toHaveLength(1)
  expect(node.asked).toEqual([])
})

it('sends it to an origin that is trusted, with the other headers, but the name of the host', async () => {
  const headers = { host: 'locks.example', 'x-team': 'red' }
  let seen: unknown
  node.answer = (request, response) => {
    seen = request.headers
    json(response, 200, LOCK)
  }
  await make({ headers, trustedOrigins: [`${node.url}/`] }).getLock(LOCK.id)
  expect(node.asked).toEqual([`GET /v1/locks/${LOCK.id}`])
  expect(seen).toMatchObject({ 'x-api-key': KEY, 'x-team': 'red', host: new URL(node.url).host })
})

it('does not leave https for http, whatever is trusted', async () => {
  const { ca, server } = certificates.get()
  const [cert, key] = server.map(file => readFileSync(file)) as [Buffer, Buffer]
  const secure = await HttpServer.start(
    (request, response) => redirect(response, 308, node.url + request.url),
    { cert, key },
  )
  const failing = make({ tls: { ca }, trustedOrigins: [node.url] }, secure.url).getLocks()
  await expect(failing).rejects.toThrow(/which is not encrypted/)
  expect(node.asked).toEqual([])
  await secure.stop()
})

it('goes on to https, with the authority that it is given', async () => {
  const { ca, server } = certificates.get()
  const [cert, key] = server.map(file => readFileSync(file)) as [Buffer, Buffer]
  const secure = await HttpServer.start((_, response) => json(response, 200, [LOCK]), { cert, key })
  balancer.answer = (request, response) => redirect(response, 301, secure.url + request.url)
  expect(await make({ tls: { ca }, trustedOrigins: [secure.url] }).getLocks()).toHaveLength(1)
  expect(secure.keys).toEqual([KEY])
  await secure.stop()
})

it.each([0, 3])('follows at most %d redirects', async maxRedirects => {
  balancer.answer = (request, response) => redirect(response, 307, `${request.url}/on`)
  const failing = make({ maxRedirects }).getLock(LOCK.id)
  await expect(failing).rejects.toThrow(`more than ${maxRedirects} redirects`)
  expect(balancer.asked).toHaveLength(maxRedirects + 1)
})

it('follows 30 when nothing else is said, all within the time for an answer', async () => {
  balancer.answer = (request, response) => redirect(response, 307, `${request.url}/on`)
  await expect(make().getLock(LOCK.id)).rejects.toMatchObject({ status: 307 })
  expect(balancer.asked).toHaveLength(31)
  balancer.answer = (request, response) =>
    void setTimeout(() => redirect(response, 307, `${request.url}/on`), 100)
  const start = performance.now()
  await expect(make({ timeout: 0.5, tries: 1 }).getLock(LOCK.id)).rejects.toThrow('no answer within 0.5 s')
  expect(performance.now() - start).toBeLessThan(2_500)
})

it.each([
  ['ftp://127.0.0.1/', /neither http nor https/],
  ['http://[', /what is no URL/],
])('does not follow a redirect to %s', async (location, message) => {
  balancer.answer = (_, response) => redirect(response, 307, location)
  await expect(make().getLocks()).rejects.toThrow(message)
})

it.each([300, 304])('takes %d, and a redirect to nowhere, for an error of the server', async status => {
  balancer.answer = (_, response) => response.writeHead(status, { location: node.url }).end()
  await expect(make().getLocks()).rejects.toMatchObject({ code: 'RELUKKO_SERVER', status })
  balancer.answer = (_, response) => response.writeHead(307).end()
  await expect(make().getLocks()).rejects.toMatchObject({ code: 'RELUKKO_SERVER', status: 307 })
})

it.each([
  ['http://locks', 'https://locks/a', true],
  ['http://locks:80', 'https://locks:443/a', true],
  ['http://locks', 'https://locks:8443/', false],
  ['http://locks:8080', 'https://locks/', false],
  ['http://locks', 'https://other/', false],
  ['http://locks', 'https://locks.evil/', false],
  ['http://locks', 'http://locks@evil/', false],
  ['http://locks', '//evil/', false],
  ['https://locks', 'https://locks:8443/', false],
  ['https://locks/base', '/other', true],
])('from %s to %s: %s', (baseUrl, location, isFollowed) => {
  const hop = { method: 'GET', url: new URL(baseUrl), body: undefined } as const
  const rules = { baseUrl, trustedOrigins: [], maxRedirects: 30 }
  const follow = (): unknown => redirected(hop, { status: 307, location }, 0, rules)
  if (isFollowed) expect(follow()).toMatchObject({ method: 'GET' })
  else expect(follow).toThrow('The API key is not sent there')
})

it.each(['http', 'ws'])(
  'opens its WebSocket where it is redirected by a URL of %s, if it may',
  async scheme => {
    const held =
      (asked: HttpServer): HttpServer['answer'] =>
      (request, response) =>
        request.method === 'POST' ? json(response, 409, {}) : redirect(response, 307, asked.url + request.url)
    balancer.answer = held(node)
    const elsewhere = node.url.replace('http', scheme)
    balancer.server.on('upgrade', (request, socket: Duplex) => {
      balancer.note(request)
      // The client has done with it, and may cut it before this has been read.
      socket.on('error', () => {})
      socket.end(`HTTP/1.1 307 Temporary Redirect\r\nlocation: ${elsewhere}${request.url}\r\n\r\n`)
    })
    const sockets = new WebSocketServer({ server: node.server })
    node.server.on('upgrade', request => node.note(request))
    const trusting = make({ trustedOrigins: [node.url] }).acquireRelukko('a lock', null, 60)
    trusting.catch(() => {})
    await eventually(() => expect(sockets.clients.size).toBe(1))
    expect(node.asked).toEqual(['GET /ws/broadcast'])
    expect(node.keys).toEqual([KEY])
    const wary = make({ acquireWaitForTimeout: 0.1 })
    expect(await wary.acquireRelukko('a lock', null, 0.5)).toBeNull()
    expect(balancer.asked.filter(asked => asked === 'GET /ws/broadcast').length).toBeGreaterThan(2)
    expect(node.asked).toHaveLength(1)
    sockets.close()
  },
)
