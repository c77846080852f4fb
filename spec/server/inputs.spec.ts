import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import WebSocket from 'ws'
import type { RelukkoJson } from '../../lib/relukko/relukko-dto.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
const UNKNOWN = '7d5a6e8e-3a5c-4b7b-9f0a-000000000000'
const store = new MemoryStore()
const lines: Record<string, unknown>[] = []
let server: RelukkoServer
let url: string

beforeAll(async () => {
  const logger = pino({ level: 'debug' }, { write: line => void lines.push(JSON.parse(line) as never) })
  server = await RelukkoServer.create({ store, apiKeys: { robots: KEY, people: 'another' }, logger })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  await server.close()
  await store.close()
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: RelukkoJson & { readonly status: number; readonly message: string }
}

async function send(method: string, path: string, body?: string, headers: object = {}): Promise<Answer> {
  const type = body !== undefined && { 'content-type': 'application/json' }
  const answer = await fetch(url + path, {
    method,
    headers: { 'x-api-key': KEY, ...type, ...headers },
    ...(body !== undefined && { body }),
  })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Answer['body'] }
}
const take = async (name = freshName()): Promise<string> =>
  (await send('POST', '/v1/locks', JSON.stringify({ lock_name: name }))).body.id

describe('a lock is not taken by', () => {
  it.each<[string, string | undefined, string]>([
    ['no body', undefined, 'The body must be a JSON object'],
    ['an empty body', '', 'The body must be a JSON object'],
    ['broken JSON', '{"lock_name": ', 'JSON'],
    ['a list', '[]', 'The body must be a JSON object'],
    ['null', 'null', 'The body must be a JSON object'],
    ['no name', '{}', "'lock_name'"],
    ['a name of null', '{"lock_name": null}', "'lock_name'"],
    ['a number for a name', '{"lock_name": 7}', "'lock_name'"],
    ['an empty name', '{"lock_name": ""}', "'lock_name'"],
    ['a name with NUL', '{"lock_name": "a\\u0000b"}', "'lock_name'"],
    ['half a character', '{"lock_name": "\\ud800"}', "'lock_name'"],
    ['a name of 10 kB', JSON.stringify({ lock_name: 'x'.repeat(10_240) }), "'lock_name'"],
    ['a creator that is no text', '{"lock_name": "a", "creator": {}}', "'creator'"],
    [
      'a creator that is too long',
      JSON.stringify({ lock_name: 'a', creator: 'x'.repeat(2_000) }),
      "'creator'",
    ],
    ['an unknown field', '{"lock_name": "a", "name": "b"}', '"name"'],
    ['a ttl of less than nothing', '{"lock_name": "a", "ttl": -1}', "'ttl'"],
    ['a ttl of more than there is', '{"lock_name": "a", "ttl": 250000000001}', "'ttl'"],
    ['a prototype', '{"lock_name": "a", "__proto__": {"creator": "x"}}', 'JSON'],
  ])('%s', async (_, body, named) => {
    const before = await store.commit({ compare: [], success: [], failure: [] })
    const answer = await send('POST', '/v1/locks/', body)
    expect([answer.status, answer.body.status]).toEqual([400, 400])
    expect(answer.body.message).toContain(named)
    const after = await store.commit({ compare: [], success: [], failure: [] })
    expect(after.revision).toBe(before.revision)
  })

  it('a body that is too large', async () => {
    const answer = await send('POST', '/v1/locks/', JSON.stringify({ lock_name: 'x'.repeat(70_000) }))
    expect(answer.body).toEqual({ status: 413, message: 'The body is larger than 65536 bytes.' })
  })

  it.each(['-1', 'soon', '', 'NaN', '1e999x'])('a wait of %j', async wait => {
    const answer = await send('POST', `/v1/locks?wait=${wait}`, '{"lock_name": "a"}')
    expect(answer).toMatchObject({ status: 400, body: { status: 400 } })
  })
})

describe('a lock is not changed by', () => {
  it.each<[string, string, string, string]>([
    ['a time without zone', '', '{"expires_at": "2099-12-01T23:12:00"}', "'expires_at'"],
    ['what is no time', '', '{"expires_at": "tomorrow"}', "'expires_at'"],
    ['a number for a time', '', '{"expires_at": 4099772000}', "'expires_at'"],
    ['a time in the year 10000', '', '{"expires_at": "+10000-01-01T00:00:00Z"}', "'expires_at'"],
    ['an unknown field', '', '{"lock_name": "b"}', '"lock_name"'],
    ['no seconds', '/keep_alive', '{}', "'seconds'"],
    ['negative seconds', '/keep_alive', '{"seconds": -1}', "'seconds'"],
    ['less than nothing', '/add_to_expire_at', '{"seconds": -0.5}', "'seconds'"],
    ['more seconds than there are', '/add_to_expire_at', '{"seconds": 1e300}', "'seconds'"],
    ['a text for seconds', '/add_to_expire_at', '{"seconds": "60"}', "'seconds'"],
  ])('%s', async (_, route, body, named) => {
    const id = await take()
    const before = await send('GET', `/v1/locks/${id}`)
    const answer = await send('PUT', `/v1/locks/${id}${route}`, body)
    expect(answer).toMatchObject({ status: 400, body: { status: 400 } })
    expect(answer.body.message).toContain(named)
    expect((await send('GET', `/v1/locks/${id}`)).body).toEqual(before.body)
  })

  it.each([
    ['2099-12-01T23:12:00+05:30', '2099-12-01T17:42:00.000000Z'],
    ['2099-12-01t23:12:00.123456789z', '2099-12-01T23:12:00.123456Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
  ])('is changed by %s', async (expires, expected) => {
    const id = await take()
    const answer = await send('PUT', `/v1/locks/${id}`, JSON.stringify({ expires_at: expires }))
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ expires_at: expected })])
  })

  it.each([0, 0.5, 90.5, 249_000_000_000])('%d seconds are added, or counted from now', async seconds => {
    const id = await take()
    const { expires_at: before } = (await send('GET', `/v1/locks/${id}`)).body
    const body = JSON.stringify({ seconds })
    const { expires_at: after } = (await send('PUT', `/v1/locks/${id}/add_to_expire_at`, body)).body
    expect(Date.parse(after) - Date.parse(before)).toBe(seconds * 1000)
    const { expires_at: kept } = (await send('PUT', `/v1/locks/${id}/keep_alive`, body)).body
    expect(Math.abs(Date.parse(kept) - Date.now() - seconds * 1000)).toBeLessThan(5_000)
  })
})

it('a lock whose time is long over is free, once nobody may be late any more', async () => {
  await using impatient = await RelukkoServer.create({ store, apiKeys: { test: KEY }, graceSeconds: 1 })
  const address = await impatient.listen({ port: 0 })
  const lock_name = freshName()
  const post = async (): Promise<number> => {
    const answer = await fetch(`${address}/v1/locks`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ lock_name, ttl: 0 }),
    })
    return answer.status
  }
  expect(await post()).toBe(201)
  expect(await post()).toBe(409)
  await eventually(async () => expect(await post()).toBe(201), 5_000)
})

it.each([0, 9_000_000_000, 250_000_000_000])('a ttl of %d is had', async ttl => {
  const answer = await send('POST', '/v1/locks', JSON.stringify({ lock_name: freshName(), ttl }))
  const { created_at: created, expires_at: expires } = answer.body
  expect([answer.status, Date.parse(expires) - Date.parse(created)]).toEqual([201, ttl * 1000])
})

it.each(['a\tb', 'a\nb', '\u007f', '\u0085', 'a%09b'])('a name of %j is had, and free again', async part => {
  const lock_name = freshName() + part
  const answer = await send('POST', '/v1/locks', JSON.stringify({ lock_name }))
  expect([answer.status, answer.body.lock_name]).toEqual([201, lock_name])
  expect((await send('GET', `/v1/locks/${answer.body.id.toUpperCase()}`)).body).toEqual(answer.body)
  expect((await send('DELETE', `/v1/locks/${answer.body.id}`)).status).toBe(200)
})

it.each(['x', UNKNOWN, '...', 'a%2Fb', '%00', '%F0%9F%8E%81', "'; drop table locks"])(
  'no lock has the id %s',
  async id => {
    for (const [method, route, body] of [
      ['GET', ''],
      ['DELETE', ''],
      ['PUT', '', '{"creator": "x"}'],
      ['GET', '/keep_alive'],
      ['PUT', '/keep_alive', '{"seconds": 5}'],
      ['GET', '/add_to_expire_at'],
      ['PUT', '/add_to_expire_at', '{"seconds": 5}'],
    ] as const) {
      const answer = await send(method, `/v1/locks/${id}${route}`, body)
      expect([method, route, answer.status, answer.body.status]).toEqual([method, route, 422, 422])
    }
  },
)

it('one of 50 that ask for one name at once gets it', async () => {
  const name = freshName()
  const asked = await Promise.all(
    Array.from({ length: 50 }, () => send('POST', '/v1/locks/', JSON.stringify({ lock_name: name }))),
  )
  expect(asked.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 49 }, () => 409)])
})

it('answers what there is not with 404, and a wrong path with 400', async () => {
  expect((await send('GET', '/v1/lock')).body).toMatchObject({ status: 404 })
  expect((await send('PATCH', `/v1/locks/${UNKNOWN}`)).body).toMatchObject({ status: 404 })
  expect((await send('GET', '/v1/locks/%zz')).status).toBe(400)
})

it('takes a request without body that says it has JSON', async () => {
  const id = await take()
  const type = { 'content-type': 'application/json' }
  expect((await send('DELETE', `/v1/locks/${id}`, undefined, type)).status).toBe(200)
})

it('knows a path with doubled slashes', async () => {
  expect((await send('GET', '//v1//locks/')).status).toBe(200)
})

it('takes JSON, and says so to those who send something else', async () => {
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'image/png']) {
    const answer = await send('POST', '/v1/locks', '{"lock_name": "a"}', { 'content-type': type })
    expect(answer.body).toEqual({
      status: 415,
      message: 'Send JSON, with the header Content-Type: application/json.',
    })
  }
})

it.each([
  ['what is no HTTP', 'hello\r\n\r\n', 400],
  ['headers that are too large', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  [
    'a name of 10 kB in a path',
    `GET /v2/locks/custom/${'x'.repeat(10_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
    414,
  ],
  [
    'a key that is sent twice',
    `GET /v1/locks HTTP/1.1\r\nhost: a\r\nx-api-key: ${KEY}\r\nx-api-key: ${KEY}\r\n\r\n`,
    403,
  ],
])('answers %s as all else', async (_, text, status) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(text)
  const answer = await new Promise<string>(resolve => socket.once('data', data => resolve(String(data))))
  socket.destroy()
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toEqual({ status, message: expect.any(String) })
})

it('tells of a request whose client is gone', async () => {
  const lock_name = freshName()
  await take(lock_name)
  const gone = new AbortController()
  const waiting = fetch(`${url}/v1/locks?wait=60`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': 'application/json', 'x-request-id': 'gone' },
    body: JSON.stringify({ lock_name }),
    signal: gone.signal,
  }).catch(() => 'gone')
  await eventually(async () => {
    const { body } = await send('GET', `/v2/locks/custom/${lock_name}`)
    expect(JSON.stringify(body)).toContain('"place":1')
  })
  gone.abort()
  expect(await waiting).toBe('gone')
  await eventually(() =>
    expect(lines).toContainEqual(
      expect.objectContaining({ requestId: 'gone', status: 499, actor: 'robots' }),
    ),
  )
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/route="\/v1\/locks",status="499"\} 1/)
})

describe('keys', () => {
  it('are not asked for any more after many that were wrong, but who was served before is served on', async () => {
    await using strict = await RelukkoServer.create({ store, apiKeys: { robots: KEY, people: 'another' } })
    const address = await strict.listen({ port: 0 })
    const ask = async (key: string): Promise<Response> =>
      fetch(`${address}/v1/locks`, { headers: { 'x-api-key': key } })
    expect((await ask(KEY)).status).toBe(200)
    for (let count = 0; count < 25; count++) expect((await fetch(`${address}/v1/locks`)).status).toBe(403)
    const statuses: number[] = []
    for (let count = 0; count < 25; count++) statuses.push((await ask(`wrong ${count}`)).status)
    expect(statuses).toEqual([
      ...Array.from({ length: 20 }, () => 403),
      ...Array.from({ length: 5 }, () => 429),
    ])
    // It may have been guessed.
    const refused = await ask('another')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50)
    expect((await ask(KEY)).status).toBe(200)
  })

  it('that are wrong, or stand in a URL, are told without their text', async () => {
    await fetch(`${url}/v1/locks?x-api-key=${KEY}&wait=1`, { method: 'POST' })
    await send('GET', '/v1/locks', undefined, { 'x-api-key': 'a wrong one' })
    const isIt = { level: 40, ip: '127.0.0.1', msg: 'A wrong key' }
    await eventually(() => expect(lines).toContainEqual(expect.objectContaining(isIt)))
    await eventually(() =>
      expect(lines).toContainEqual(
        expect.objectContaining({ status: 403, url: '/v1/locks?x-api-key=%E2%80%A6&wait=1' }),
      ),
    )
    expect(JSON.stringify(lines)).not.toContain(encodeURIComponent(KEY))
    expect(JSON.stringify(lines)).not.toContain(KEY)
  })

  it('have names, which the log tells; it never tells the keys', async () => {
    const id = await take()
    await send('DELETE', `/v1/locks/${id}`, undefined, { 'x-api-key': 'another', 'x-request-id': 'run-7' })
    const isIt = { actor: 'people', method: 'DELETE', status: 200, requestId: 'run-7', ip: '127.0.0.1' }
    await eventually(() => expect(lines).toContainEqual(expect.objectContaining(isIt)))
    expect(JSON.stringify(lines)).not.toContain(KEY)
    expect(JSON.stringify(lines)).not.toContain('another')
  })
})

it.each<[string, string, number]>([
  ['GET', '/v1/locks', 20],
  ['HEAD', '/healthchecker', 20],
  ['GET', `/v1/locks/${UNKNOWN}/keep_alive`, 30],
  ['DELETE', `/v1/locks/${UNKNOWN}`, 30],
])('tells of %s %s at level %i, by whether it may change something', async (method, path, level) => {
  const requestId = freshName()
  await fetch(url + path, { method, headers: { 'x-api-key': KEY, 'x-request-id': requestId } })
  await eventually(() => expect(lines).toContainEqual(expect.objectContaining({ requestId, method, level })))
})

it('gives each answer an id: that of the request, when it can be logged', async () => {
  const idFor = async (id: string): Promise<string> =>
    (await send('GET', '/healthchecker', undefined, { 'x-request-id': id })).headers.get('x-request-id')!
  expect(await idFor('run-7')).toBe('run-7')
  expect(await idFor('{"a": "lie"}')).toMatch(/^[0-9a-f-]{36}$/)
  expect(await idFor('x'.repeat(101))).toMatch(/^[0-9a-f-]{36}$/)
})

it('tells Prometheus what it does', async () => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/broadcast`, { headers: { 'x-api-key': KEY } })
  await once(socket, 'open')
  const heard = once(socket, 'message')
  await take()
  await heard
  socket.terminate()
  const text = await (await fetch(`${url}/metrics`)).text()
  expect(text).toMatch(
    /spicelock_http_request_seconds_count\{method="POST",route="\/v1\/locks",status="201"\} \d+/,
  )
  expect(text).toMatch(/spicelock_etcd_commit_seconds_count\{outcome="answered"\} \d+/)
  expect(text).toMatch(/spicelock_locks_held [1-9]/)
  expect(text).toMatch(/spicelock_broadcasts_total [1-9]/)
  expect(text).toContain('spicelock_waiters 0')
  expect(text).toContain('spicelock_etcd_up 1')
})
