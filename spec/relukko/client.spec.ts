import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { DateTime } from 'luxon'
import { WebSocketServer } from 'ws'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { RelukkoClient, type RelukkoClientOptions, RelukkoError } from '../../lib/relukko/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { useCertificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { HttpProxy } from '../support/http-proxy.js'
import { freshName } from '../support/etcd.js'
import { RELUKKO_LOCK as LOCK } from '../support/relukko-lock.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const certificates = useCertificates()
const KEY = 'a secret of the test'
const quick: RelukkoClientOptions = { delay: 0.01 }

describe('to a server of whatever kind, the client', () => {
  let server: Server
  let url: string
  let requests: IncomingMessage[]
  let answer: (request: IncomingMessage, response: ServerResponse) => void
  let clients: RelukkoClient[]

  const json = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const make = (options: RelukkoClientOptions = quick): RelukkoClient => {
    const client = new RelukkoClient(url, KEY, options)
    clients.push(client)
    return client
  }
  beforeEach(async () => {
    requests = []
    clients = []
    answer = (_, response) => json(response, 200, LOCK)
    server = createServer((request, response) => {
      requests.push(request)
      answer(request, response)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    await Promise.all(clients.map(client => client.close()))
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const connections = (): Promise<number> =>
    new Promise(resolve => server.getConnections((_, count) => resolve(count)))

  it('sends the key and further headers', async () => {
    await make({ headers: { 'x-team': 'red' } }).getLock(LOCK.id)
    expect(requests[0]!.headers).toMatchObject({ 'x-api-key': KEY, 'x-team': 'red' })
    expect(requests[0]!.url).toBe(`/v1/locks/${LOCK.id}`)
  })

  it('repeats a call while the server fails', async () => {
    answer = (_, response) => json(response, requests.length < 4 ? 503 : 200, LOCK)
    expect((await make().getLock(LOCK.id)).toJSON()).toEqual(LOCK)
    expect(requests).toHaveLength(4)
  })

  it('repeats a call whose connection is cut', async () => {
    answer = (request, response) =>
      requests.length < 3 ? request.socket.destroy() : json(response, 200, LOCK)
    await make().getLock(LOCK.id)
    expect(requests).toHaveLength(3)
  })

  it('says how the last try has failed, after so many as are allowed, with growing pauses', async () => {
    answer = (_, response) => json(response, 502, { status: 502, message: 'no backend' })
    const start = performance.now()
    const failing = make({ delay: 0.05, backoff: 3, maxDelay: 0.1 }).getLock(LOCK.id)
    await expect(failing).rejects.toMatchObject({ code: 'RELUKKO_SERVER', status: 502 })
    await expect(failing).rejects.toThrow('no backend')
    expect(requests).toHaveLength(4)
    expect(performance.now() - start).toBeGreaterThan(240)
  })

  it.each([
    [400, 'RELUKKO_INVALID'],
    [401, 'RELUKKO_FORBIDDEN'],
    [403, 'RELUKKO_FORBIDDEN'],
    [404, 'RELUKKO_NOT_FOUND'],
    [422, 'RELUKKO_NOT_FOUND'],
    [413, 'RELUKKO_INVALID'],
    [418, 'RELUKKO_SERVER'],
  ])('takes an answer of %d for %s, at once and with its message', async (status, code) => {
    answer = (_, response) => json(response, status, { status, message: 'as I said' })
    const failing = make().getLock(LOCK.id)
    await expect(failing).rejects.toBeInstanceOf(RelukkoError)
    await expect(failing).rejects.toMatchObject({ code, status })
    await expect(failing).rejects.toThrow('as I said')
    expect(requests).toHaveLength(1)
  })

  it.each(['{"id": 1}', '[1]', 'null', '<html>', ''])('does not take %j for a lock', async text => {
    answer = (_, response) => response.end(text)
    const failing = make().getLock(LOCK.id)
    await expect(failing).rejects.toThrow('what is no lock')
    await expect(make().getLocks()).rejects.toMatchObject({ code: 'RELUKKO_SERVER' })
  })

  it('takes an option that is undefined for one that is not given', async () => {
    answer = (_, response) => json(response, 500, {})
    const client = make({ ...quick, tries: undefined } as never)
    client.reconfigureRelukko({ options: { headers: undefined } as never })
    await expect(client.getLock(LOCK.id)).rejects.toMatchObject({ status: 500 })
    expect(requests).toHaveLength(4)
  })

  it('gives up a WebSocket that has answered pings and does not any more', async () => {
    answer = (_, response) => json(response, 409, { status: 409, message: 'held' })
    const pings: number[] = []
    const sockets = new WebSocketServer({ server, autoPong: false })
    let connected = 0
    sockets.on('connection', socket => {
      connected++
      socket.on('ping', () => {
        pings.push(connected)
        if (pings.filter(number => number === connected).length <= 2) socket.pong()
      })
    })
    const client = make({ wsPingInterval: 0.1, wsPingTimeout: 0.3, acquireWaitForTimeout: 0.1 })
    const waiting = client.acquireRelukko('a lock', null, 30).catch((error: Error) => error.message)
    await eventually(() => expect(connected).toBe(2), 4_000)
    await client.close()
    expect(await waiting).toContain('closed')
    sockets.close()
  })

  it('gives up when nobody answers, and tells no key', async () => {
    server.close()
    const failing = new RelukkoClient('http://127.0.0.1:1/there', KEY, { tries: 2, delay: 0 }).getLock(
      LOCK.id,
    )
    await expect(failing).rejects.toThrow(
      /GET http:\/\/127.0.0.1:1\/there\/v1\/locks\/.* was not answered.*ECONNREFUSED/,
    )
    await expect(failing).rejects.not.toThrow(KEY)
  })

  it('waits no longer than it may for an answer', async () => {
    answer = () => {}
    await expect(make({ tries: 1, timeout: 0.2 }).getLock(LOCK.id)).rejects.toMatchObject({
      code: 'RELUKKO_SERVER',
    })
  })

  it('ends with the reason of its signal, during a pause as well as during a call', async () => {
    const abort = new AbortController()
    answer = (_, response) => json(response, 500, {})
    const failing = make({ signal: abort.signal, delay: 60 }).getLock(LOCK.id)
    await eventually(() => expect(requests).toHaveLength(1))
    const reason = new Error('enough')
    await delay(20)
    abort.abort(reason)
    await expect(failing).rejects.toBe(reason)
    await expect(make({ signal: abort.signal }).getLocks()).rejects.toBe(reason)
  })

  it('leaves no connection when it is closed, and ends what is under way', async () => {
    answer = () => {}
    const client = make()
    const failing = client.getLock(LOCK.id)
    failing.catch(() => {})
    await eventually(() => expect(requests).toHaveLength(1))
    await client.close()
    await expect(failing).rejects.toThrow('closed')
    await eventually(async () => expect(await connections()).toBe(0))
  })

  it('asks again without a WebSocket, until its time is over', async () => {
    answer = (_, response) => json(response, 409, { status: 409, message: 'held' })
    const client = make({ disableWebsocket: true, acquireWaitForTimeout: 0.1 })
    expect(await client.acquireRelukko('a lock', null, 1)).toBeNull()
    expect(requests.length).toBeGreaterThanOrEqual(8)
    expect(requests.length).toBeLessThanOrEqual(13)
    expect(requests.every(({ method }) => method === 'POST')).toBe(true)
  })

  it('throws instead when it is told to', async () => {
    answer = (_, response) => json(response, 409, { status: 409, message: 'held' })
    const client = make({ raiseWhenAcquireFails: true })
    await expect(client.acquireRelukko('a lock', null, 0)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
  })

  it('takes a backoff below 1 for pauses that become shorter', async () => {
    answer = (_, response) => json(response, 500, {})
    const start = performance.now()
    await expect(make({ delay: 0.2, backoff: 0 }).getLock(LOCK.id)).rejects.toMatchObject({ status: 500 })
    expect(requests).toHaveLength(4)
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  it('changes nothing when reconfigureRelukko is given what it cannot use', async () => {
    const client = make()
    const wrong = { url, api_key: 'b' } as never
    expect(() => client.reconfigureRelukko(wrong)).toThrow("unknown field 'url'; known are: baseUrl, apiKey")
    expect(() => client.reconfigureRelukko(undefined as never)).toThrow('must be given an object')
    const gone = { baseUrl: 'http://127.0.0.1:1', options: { tls: { ca: '/gone.pem' } } }
    expect(() => client.reconfigureRelukko(gone)).toThrow("'tls.ca'")
    expect(await client.getLock(LOCK.id)).toMatchObject({ id: LOCK.id })
  })

  const noon = DateTime.fromISO('2099-12-01T12:00:00.123+02:00')
  it.each<[string, unknown]>([
    ['a DateTime of luxon', noon],
    ['a Date', noon.toJSDate()],
    ['a Date of another realm', runInNewContext(`new Date(${noon.toMillis()})`)],
    ['a text', noon.toISO()],
  ])('lets a lock expire at %s', async (_, expiresAt) => {
    const bodies: string[] = []
    answer = (request, response) => {
      request
        .on('data', (data: Buffer) => bodies.push(data.toString()))
        .on('end', () => json(response, 200, LOCK))
    }
    await make().updateRelukko(LOCK.id, { expiresAt: expiresAt as DateTime })
    expect(JSON.parse(bodies.join(''))).toEqual({ creator: null, expires_at: '2099-12-01T10:00:00.123000Z' })
  })

  it.each<[string, unknown]>([
    ['an invalid DateTime', { expiresAt: DateTime.invalid('because') }],
    ['an invalid Date', { expiresAt: new Date(NaN) }],
    ['a time without zone', { expiresAt: '2099-12-01T12:00:00' }],
    ['a time far away', { expiresAt: DateTime.fromMillis(8e15) }],
    ['a number', { expiresAt: 7 }],
    ['what Python calls it', { expires_at: noon }],
    ['nothing', undefined],
  ])('changes no lock for %s', async (_, change) => {
    const failing = make().updateRelukko(LOCK.id, change as never)
    await expect(failing).rejects.toMatchObject({ code: 'RELUKKO_INVALID', status: undefined })
    await expect(failing).rejects.toThrow(/'expires_at'|updateRelukko must be given/)
    expect(requests).toEqual([])
  })

  it('keeps what reconfigureRelukko is not given', async () => {
    const client = make({ ...quick, headers: { 'x-team': 'red' } })
    client.reconfigureRelukko({ apiKey: 'another', options: { tries: 2 } })
    answer = (_, response) => json(response, 500, {})
    await expect(client.getLock(LOCK.id)).rejects.toMatchObject({ status: 500 })
    expect(requests.map(({ headers }) => [headers['x-api-key'], headers['x-team']])).toEqual([
      ['another', 'red'],
      ['another', 'red'],
    ])
    expect(() => client.reconfigureRelukko({ baseUrl: 'ftp://there', apiKey: 'third' })).toThrow("'baseUrl'")
    await expect(client.getLock(LOCK.id)).rejects.toMatchObject({ status: 500 })
    expect(requests.at(-1)!.headers['x-api-key']).toBe('another')
  })

  it.each<[string, () => unknown, string]>([
    [
      'no URL',
      () => new RelukkoClient('here', KEY),
      "'baseUrl' must be a URL of http or https, without user, query or fragment, got",
    ],
    ['no key', () => new RelukkoClient('http://a', ''), "'apiKey' must be"],
    ['a key with a line break', () => new RelukkoClient('http://a', 'sec\nret'), "'apiKey' must be"],
    ['an unknown option', () => make({ trys: 3 } as never), "Did you mean 'tries'?"],
    ['no tries', () => make({ tries: 0 }), "the option 'tries' must be an integer from 1 on, got 0"],
    ['a pause of NaN', () => make({ delay: NaN }), "'delay' must be a number from 0 on"],
    ['no modulo', () => make({ acquireModulo: 0.5 }), "'acquireModulo' must be"],
    ['a proxy that is none', () => make({ proxy: 'there' }), "'proxy' must be"],
    ['a proxy that speaks no HTTP', () => make({ proxy: 'ftp://there' }), "'proxy' must be"],
    ['a header that cannot be sent', () => make({ headers: { 'x-a': 'b\nc' } }), "'headers' must be"],
    ['a header that is no text', () => make({ headers: { 'x-a': 1 } as never }), "'headers' must be"],
    ['the name of no header', () => make({ headers: { 'x a': 'b' } }), "'headers' must be"],
    ['a second key', () => make({ headers: { 'X-API-Key': 'b' } }), 'without x-api-key'],
    ['a header of the connection', () => make({ headers: { Expect: '100-continue' } }), "'headers' must be"],
    ['an unknown setting of TLS', () => make({ tls: { cafile: '/a' } as never }), "option 'cafile'"],
    ['a user of a proxy that is no text', () => make({ proxy: 'http://a%:b@c' }), "'proxy' must be"],
    ['no pause but one from now on', () => make({ backoff: -0.1 }), "'backoff' must be a number from 0 on"],
    ['redirects by half', () => make({ maxRedirects: 0.5 }), "'maxRedirects' must be"],
    ['an origin with a path', () => make({ trustedOrigins: ['https://a/b'] }), "'trustedOrigins' must be"],
    ['one origin', () => make({ trustedOrigins: 'https://a' as never }), "'trustedOrigins' must be"],
    ['a number for retry', () => make({ retry: 3 as never }), "'retry' must be an object"],
    ['a retry of urllib3', () => make({ retry: { backoff_factor: 1 } as never }), "'backoffFactor'?"],
    ['half a retry', () => make({ retry: { total: 0.5 } }), "'total' must be an integer from 0 on, got 0.5"],
    ['a text for trustEnv', () => make({ trustEnv: 'false' as never }), "'trustEnv' must be true or false"],
    ['a query in its URL', () => new RelukkoClient('http://a/?b=c', KEY), "'baseUrl' must be"],
  ])('is not made with %s', (_, construct, message) => {
    expect(construct).toThrow(message)
  })

  it.each<[string, () => unknown]>([
    ['baseUrl', () => new RelukkoClient('http://ada:s3cret@a', KEY)],
    ['baseUrl', () => new RelukkoClient('ftp://ada:s3cret@a', KEY)],
    ['proxy', () => make({ proxy: 'ftp://ada:s3cret@a' })],
    ['tls', () => make({ tls: 's3cret' as never })],
    ['key', () => make({ tls: { key: ['s3cret'] } as never })],
    ['proxy', () => make({ proxy: 'http://ada:s3cret%@a' })],
    ['headers', () => make({ headers: ['s3cret'] as never })],
    ['headers', () => make({ headers: 's3cret' as never })],
  ])('does not tell what was wrong with %s, which may be secret', (name, construct) => {
    expect(construct).toThrow(`'${name}'`)
    expect(construct).not.toThrow('s3cret')
  })

  it('sends each header once, whatever its case', async () => {
    await make({ headers: { 'Content-Type': 'text/plain', 'X-Team': 'red' } }).keepRelukkoAlivePut(LOCK.id, 1)
    expect(requests[0]!.headers).toMatchObject({ 'content-type': 'application/json', 'x-team': 'red' })
  })

  it.each(['\ud800', 'a\udfffb', '', '.', '..', null, 7])('asks for no lock of the id %j', async given => {
    const id = given as string
    await expect(make().getLock(id)).rejects.toMatchObject({ code: 'RELUKKO_NOT_FOUND' })
    await expect(make().keepRelukkoAlivePut(id, 1)).rejects.toMatchObject({ code: 'RELUKKO_NOT_FOUND' })
    expect(requests).toEqual([])
  })

  it.each([4.001, 0.0001234, 1e9])('allows %d s for an answer', async timeout => {
    answer = (_, response) => (timeout > 0.1 ? json(response, 200, LOCK) : undefined)
    const asked = make({ timeout, tries: 1 }).getLock(LOCK.id)
    if (timeout > 0.1) expect(await asked).toMatchObject({ id: LOCK.id })
    else await expect(asked).rejects.toMatchObject({ code: 'RELUKKO_SERVER' })
  })

  it('unsets what reconfigureRelukko is given null for', async () => {
    const abort = new AbortController()
    const client = make({ ...quick, maxDelay: 0, proxy: 'http://127.0.0.1:1', signal: abort.signal })
    client.reconfigureRelukko({ options: { maxDelay: null, proxy: null, signal: null } })
    abort.abort()
    await client.getLock(LOCK.id)
    expect(requests).toHaveLength(1)
  })

  it('sends one idempotency key for all tries of one lock, and another for the next', async () => {
    answer = (request, response) =>
      requests.length < 3 ? request.socket.destroy() : json(response, 201, LOCK)
    const client = make()
    await client.acquireRelukko('a lock', null, 0)
    await client.acquireRelukko('a lock', null, 0)
    const keys = requests.map(({ headers }) => headers['idempotency-key'])
    expect(keys).toHaveLength(4)
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(keys.slice(0, 3)).size).toBe(1)
    expect(keys[3]).not.toBe(keys[0])
  })

  it('says that a lock which it does not find may have been deleted by the try before', async () => {
    answer = (request, response) =>
      requests.length < 2 ? request.socket.destroy() : json(response, 422, { status: 422, message: 'none' })
    const failing = make().deleteRelukko(LOCK.id)
    await expect(failing).rejects.toMatchObject({ code: 'RELUKKO_NOT_FOUND', status: 422 })
    await expect(failing).rejects.toThrow('may have been deleted by an earlier try')
    await expect(make().deleteRelukko(LOCK.id)).rejects.toThrow('none')
  })
})

describe('to this server, the client', () => {
  let store: MemoryStore
  let server: RelukkoServer
  let url: string
  let clients: RelukkoClient[]

  const make = (options: RelukkoClientOptions = {}): RelukkoClient => {
    const client = new RelukkoClient(url, KEY, options)
    clients.push(client)
    return client
  }
  beforeEach(async () => {
    clients = []
    store = new MemoryStore()
    server = await RelukkoServer.create({ store, apiKeys: { test: KEY } })
    url = await server.listen({ port: 0 })
  })
  afterEach(async () => {
    await Promise.all(clients.map(client => client.close()))
    await server.close()
    await store.close()
  })

  it('hears of a deletion by the WebSocket, and leaves none behind', async () => {
    const [us, other] = [make(), make()]
    const name = freshName()
    const lock = (await other.acquireRelukko(name, 'other', 0))!
    const waiting = us.acquireRelukko(name, 'us', 60)
    await eventually(() => expect(server.listeners).toBe(1))
    await delay(300)
    const start = performance.now()
    await other.deleteRelukko(lock.id)
    expect((await waiting)!.creator).toBe('us')
    expect(performance.now() - start).toBeLessThan(1_500)
    await eventually(() => expect(server.listeners).toBe(0))
  })

  it('tries after a while though it hears nothing', async () => {
    const [us, other] = [make({ acquireWaitForTimeout: 0.2, acquireModulo: 2 }), make()]
    const name = freshName()
    const lock = (await other.acquireRelukko(name, 'other', 0))!
    await other.updateRelukko(lock.id, { expiresAt: new Date(Date.now() - 178_000) })
    expect((await us.acquireRelukko(name, 'us', 20))!.creator).toBe('us')
  }, 25_000)

  it('goes on waiting when the server ends its WebSocket', async () => {
    const [us, other] = [make({ acquireWaitForTimeout: 0.2, delay: 0.2 }), make()]
    const name = freshName()
    await other.acquireRelukko(name, 'other', 0)
    const waiting = us.acquireRelukko(name, 'us', 60)
    await eventually(() => expect(server.listeners).toBe(1))
    const { port } = new URL(url)
    await server.close()
    server = await RelukkoServer.create({ store: (store = new MemoryStore()), apiKeys: { test: KEY } })
    await server.listen({ port: Number(port) })
    expect((await waiting)!.creator).toBe('us')
  }, 20_000)

  it('goes through a proxy, and opens no WebSocket past it', async () => {
    const proxy = await HttpProxy.start()
    const us = make({ proxy: proxy.url, acquireWaitForTimeout: 0.1, acquireModulo: 1, tries: 1 })
    const other = make()
    const name = freshName()
    const lock = (await us.acquireRelukko(name, 'us', 0))!
    expect(await us.getLocks()).toEqual([lock])
    const waiting = us.acquireRelukko(name, 'us again', 60)
    const soFar = proxy.asked.length
    await eventually(() => expect(proxy.asked.length).toBeGreaterThan(soFar + 2))
    expect(server.listeners).toBe(0)
    expect(new Set(proxy.asked)).toEqual(new Set([`POST ${url}/v1/locks/`, `GET ${url}/v1/locks/`]))
    await other.deleteRelukko(lock.id)
    expect((await waiting)!.creator).toBe('us again')
    await proxy.stop()
    await expect(us.getLocks()).rejects.toThrow(/was not answered/)
  })

  it('knows its lock again when the answer that told of it was lost', async () => {
    const proxy = await TcpProxy.to(url)
    const us = new RelukkoClient(proxy.endpoint, KEY, { delay: 0.1 })
    const other = make()
    const name = freshName()
    proxy.mute()
    const taking = us.acquireRelukko(name, 'us', 0)
    await eventually(async () => expect(await other.getLocks()).toHaveLength(1))
    proxy.cut()
    const [lock] = await other.getLocks()
    expect(await taking).toEqual(lock)
    expect(await us.acquireRelukko(name, 'us again', 0)).toBeNull()
    await us.close()
    await proxy.close()
  })

  it('ends its wait with the reason of its signal', async () => {
    const abort = new AbortController()
    const name = freshName()
    await make().acquireRelukko(name, 'other', 0)
    const waiting = make({ signal: abort.signal }).acquireRelukko(name, 'us', 60)
    await eventually(() => expect(server.listeners).toBe(1))
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await eventually(() => expect(server.listeners).toBe(0))
  })
})

it('trusts the authority that it is given, also through a proxy, and no other', async () => {
  const { ca, server: files } = certificates.get()
  const [cert, key] = files.map(file => readFileSync(file)) as [Buffer, Buffer]
  const store = new MemoryStore()
  const server = await RelukkoServer.create({ store, apiKeys: { test: KEY }, tls: { cert, key } })
  const url = await server.listen({ port: 0 })
  const proxy = await HttpProxy.start()
  const authority = { ca: readFileSync(ca) }
  const proxied = new RelukkoClient(url, KEY, { tries: 1, tls: authority, proxy: proxy.url })
  expect(await proxied.getLocks()).toEqual([])
  expect(proxy.asked).toEqual([`CONNECT ${new URL(url).host}`])
  await proxied.close()
  await proxy.stop()
  const wary = new RelukkoClient(url, KEY, { tries: 1 })
  const knowing = new RelukkoClient(url, KEY, { tries: 1, tls: authority })
  await expect(wary.getLocks()).rejects.toThrow(/certificate|self-signed/)
  const lock = (await knowing.acquireRelukko('a', 'us', 0))!
  const waiting = knowing.acquireRelukko('a', 'us', 10)
  await eventually(() => expect(server.listeners).toBe(1))
  await knowing.deleteRelukko(lock.id)
  expect(await waiting).not.toBeNull()
  await Promise.all([wary.close(), knowing.close()])
  await server.close()
  await store.close()
})
