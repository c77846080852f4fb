import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import WebSocket from 'ws'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
const OTHER_KEY = 'another secret of the test'
let store: MemoryStore
let servers: RelukkoServer[]
let urls: string[]

beforeAll(async () => {
  store = new MemoryStore()
  servers = await Promise.all(
    [1, 2].map(() => RelukkoServer.create({ store, apiKeys: { test: KEY, other: OTHER_KEY } })),
  )
  urls = await Promise.all(servers.map(server => server.listen({ port: 0 })))
})
afterAll(async () => {
  await Promise.all(servers.map(server => server.close()))
  await store.close()
})

interface Answer {
  readonly status: number
  readonly body: { readonly id: string; readonly message: string; readonly expires_at: string }
  readonly token: string | null
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  url = urls[0]!,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type = body !== undefined && { 'content-type': 'application/json' }
  const answer = await fetch(url + path, {
    method,
    headers: { 'x-api-key': KEY, ...type, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return {
    status: answer.status,
    body: (await answer.json()) as Answer['body'],
    token: answer.headers.get('x-fencing-token'),
  }
}

describe.each(['', '/'])('with %j at the end', end => {
  it('takes, shows, changes and releases a lock', async () => {
    const name = freshName()
    const taken = await ask('POST', `/v1/locks${end}`, { lock_name: name, creator: 'me' })
    expect(taken).toMatchObject({ status: 201, body: { lock_name: name, creator: 'me', ip: '127.0.0.1' } })
    expect(taken.token).toMatch(/^\d+$/)
    const path = `/v1/locks/${taken.body.id}`
    const again = await ask('POST', `/v1/locks${end}`, { lock_name: name, creator: null }, urls[1])
    expect(again).toMatchObject({ status: 409, body: { status: 409 } })
    expect(await ask('GET', path + end, undefined, urls[1])).toMatchObject({ status: 200, body: taken.body })
    expect((await ask('GET', `/v1/locks${end}`)).body).toContainEqual(taken.body)
    const changes: [string, string, unknown][] = [
      ['PUT', path, { creator: 'you', expires_at: '2099-12-01T23:12:00.123456Z' }],
      ['GET', `${path}/keep_alive`, undefined],
      ['PUT', `${path}/keep_alive`, { seconds: 60 }],
      ['GET', `${path}/add_to_expire_at`, undefined],
      ['PUT', `${path}/add_to_expire_at`, { seconds: 60 }],
    ]
    let last = taken
    for (const [method, route, body] of changes) {
      const changed = await ask(method, route + end, body, urls[1])
      expect(changed).toMatchObject({ status: 200, body: { creator: 'you' } })
      expect(changed.body.expires_at).not.toBe(last.body.expires_at)
      last = changed
    }
    expect(await ask('DELETE', path + end)).toMatchObject({ status: 200, body: last.body })
    expect(await ask('DELETE', path + end)).toMatchObject({ status: 422, body: { status: 422 } })
  })
})

it('answers 403 to any but the right key, and nothing is done', async () => {
  for (const key of ['', 'wrong', `${KEY} `, `${KEY}, ${KEY}`]) {
    const answer = await fetch(`${urls[0]}/v1/locks`, { headers: { 'x-api-key': key } })
    expect([key, answer.status]).toEqual([key, key.trim() === KEY ? 200 : 403])
  }
  const answer = await fetch(`${urls[0]}/v1/locks`)
  expect(await answer.json()).toMatchObject({ status: 403 })
})

it('tells the clients of every server what becomes of a lock', async () => {
  const frames: Record<string, { id: string }>[] = []
  const socket = new WebSocket(`${urls[1]!.replace('http', 'ws')}/ws/broadcast`, {
    headers: { 'x-api-key': KEY },
  })
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString('utf8')) as never))
  await new Promise(resolve => socket.on('open', resolve))
  const { body } = await ask('POST', '/v1/locks', { lock_name: freshName(), creator: 'me' })
  const changed = await ask('PUT', `/v1/locks/${body.id}`, { creator: 'you' })
  await ask('DELETE', `/v1/locks/${body.id}`)
  await eventually(() =>
    expect(frames).toEqual([{ created: body }, { updated: changed.body }, { deleted: changed.body }]),
  )
  socket.close()
})

it('lets one wait in the queue who says so', async () => {
  const name = freshName()
  const first = await ask('POST', '/v1/locks', { lock_name: name })
  const waiting = ask('POST', '/v1/locks?wait=30', { lock_name: name, creator: 'second', ttl: 60 })
  await new Promise(resolve => setTimeout(resolve, 100))
  await ask('DELETE', `/v1/locks/${first.body.id}`)
  expect(await waiting).toMatchObject({ status: 201, body: { creator: 'second' } })
})

describe('a call under an idempotency key', () => {
  const post = (name: string, key: string, wait = 0, url = urls[0]): Promise<Answer> =>
    ask('POST', `/v1/locks?wait=${wait}`, { lock_name: name }, url, { 'idempotency-key': key })

  it('is given the lock that it has taken, through whatever server, also after a change', async () => {
    const name = freshName()
    const first = await post(name, 'one')
    for (const [wait, url] of [
      [0, urls[0]],
      [0, urls[1]],
      [30, urls[1]],
    ] as const) {
      expect(await post(name, 'one', wait, url)).toEqual(first)
    }
    const { body } = await ask('PUT', `/v1/locks/${first.body.id}`, { creator: 'another' })
    expect(await post(name, 'one')).toEqual({ ...first, body })
    expect(body).not.toHaveProperty('request')
  })

  it('is given none that was taken under another key, or under no key', async () => {
    const [name, other] = [freshName(), freshName()]
    const first = await post(name, 'one')
    expect((await post(name, 'two')).status).toBe(409)
    expect((await ask('POST', '/v1/locks', { lock_name: name })).status).toBe(409)
    await ask('POST', '/v1/locks', { lock_name: other })
    expect((await post(other, 'one')).status).toBe(409)
    await ask('DELETE', `/v1/locks/${first.body.id}`)
    const again = await post(name, 'one')
    expect(again.status).toBe(201)
    expect(again.body.id).not.toBe(first.body.id)
  })

  it('of another user is another', async () => {
    const name = freshName()
    const first = await post(name, 'one')
    const other = { 'idempotency-key': 'one', 'x-api-key': OTHER_KEY }
    expect((await ask('POST', '/v1/locks', { lock_name: name }, urls[0], other)).status).toBe(409)
    await ask('DELETE', `/v1/locks/${first.body.id}`)
  })

  it.each([['x'.repeat(256)], ['']])(
    'needs a key that is no longer than it may be, and not empty',
    async key => {
      const answer = await post(freshName(), key)
      expect([answer.status, answer.body.message]).toEqual([
        400,
        expect.stringContaining("'Idempotency-Key'"),
      ])
    },
  )
})
