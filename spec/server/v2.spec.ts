import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { Lock } from '../../lib/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
const store = new MemoryStore()
const native = new Lock({ store, prefix: 'cookbooks', owner: 'a cookbook', dryRun: false })
let server: RelukkoServer
let url: string

beforeAll(async () => {
  server = await RelukkoServer.create({ store, apiKeys: { robots: KEY } })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  await native.close()
  await server.close()
  await store.close()
})

interface Answer {
  readonly status: number
  readonly body: {
    readonly id: string
    readonly message: string
    readonly revision?: string
    readonly waiters?: readonly { id: string }[]
  }
}
async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(url + path, {
    method,
    headers: { 'x-api-key': KEY, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}

it('takes, shows, extends and releases a lock of any prefix, with its limit', async () => {
  const path = `/v2/locks/cookbooks/${freshName()}`
  const first = await ask('POST', path, { owner: 'us', concurrency: 2, ttl: 60 })
  expect(first.status).toBe(201)
  const second = await ask('POST', path, { concurrency: 2 })
  expect(second.status).toBe(201)
  expect(await ask('POST', path, { concurrency: 2 })).toMatchObject({ status: 409, body: { status: 409 } })
  const { body: seen } = await ask('GET', path)
  expect(seen).toMatchObject({
    prefix: 'cookbooks',
    holders: [
      {
        id: first.body.id,
        owner: 'us',
        concurrency: 2,
        ttl: 60,
        fencing_token: expect.stringMatching(/^\d+$/),
      },
      { id: second.body.id, owner: 'robots', ttl: 30 },
    ],
    waiters: [],
  })
  expect((await ask('PUT', `${path}/${first.body.id}`, { ttl: 600 })).status).toBe(200)
  expect((await ask('GET', path)).body).toMatchObject({ holders: [{ ttl: 600 }, {}] })
  expect((await ask('DELETE', `${path}/${first.body.id}`)).status).toBe(200)
  expect((await ask('DELETE', `${path}/${first.body.id}`)).status).toBe(404)
  expect((await ask('PUT', `${path}/${first.body.id}`, { ttl: 60 })).status).toBe(404)
})

it.each([
  ['/v1/locks?wait=30', 'custom'],
  ['/v2/locks/cookbooks/NAME?wait=30', 'cookbooks'],
])('tells a waiter by %s that it is sent away', async (path, prefix) => {
  const name = freshName()
  const at = `/v2/locks/${prefix}/${name}`
  const { body: held } = await ask('POST', at, { owner: 'us' })
  const waiting = ask(
    'POST',
    path.replace('NAME', name),
    prefix === 'custom' ? { lock_name: name, creator: 'me' } : {},
  )
  let id: string | undefined
  await eventually(async () => {
    const { waiters } = (await ask('GET', at)).body
    id = waiters![0]!.id
  })
  expect((await ask('DELETE', `${at}/${id}?reason=fire`)).status).toBe(200)
  expect(await waiting).toMatchObject({ status: 410, body: { message: expect.stringContaining('fire') } })
  await ask('DELETE', `${at}/${held.id}`)
})

it('lists the locks of all prefixes, those of Relukko with their address, and who waits', async () => {
  const name = freshName()
  const id = await native.acquire(name, { concurrency: 1, ttl: 60 })
  const waiting = ask('POST', `/v2/locks/cookbooks/${name}?wait=30`, { owner: 'patient' })
  const { body: lock } = await ask('POST', '/v1/locks', { lock_name: name, creator: 'me' })
  await eventually(async () => {
    const { body } = await ask('GET', '/v2/locks')
    expect(body).toContainEqual(
      expect.objectContaining({
        prefix: 'cookbooks',
        name,
        holders: [expect.objectContaining({ id, owner: 'a cookbook' })],
        waiters: [expect.objectContaining({ owner: 'patient', place: 1 })],
      }),
    )
    expect(body).toContainEqual(
      expect.objectContaining({
        prefix: 'custom',
        holders: [expect.objectContaining({ id: lock.id, ip: '127.0.0.1' })],
      }),
    )
  })
  const { body: custom } = await ask('GET', '/v2/locks?prefix=custom')
  expect(JSON.stringify(custom)).not.toContain('a cookbook')
  await native.release(name, id)
  expect((await waiting).status).toBe(201)
})

it.each(['.', '..'])('reads, takes, changes and releases a lock of the name %s', async name => {
  // As it is, a URL takes it for a step in a path.
  const path = `/v2/locks/cookbooks/%2F${name}`
  const taken = await ask('POST', path, { ttl: 60 })
  expect(taken).toMatchObject({ status: 201, body: { name } })
  expect((await ask('PUT', `${path}/${taken.body.id}`, { ttl: 90 })).body).toMatchObject({ name, ttl: 90 })
  expect((await ask('GET', path)).body).toMatchObject({ name, holders: [{ id: taken.body.id, ttl: 90 }] })
  expect((await ask('DELETE', `${path}/${taken.body.id}`)).status).toBe(200)
  expect((await ask('GET', path)).body).toMatchObject({ name, holders: [] })
})

it('says what is wrong with a lock whose value cannot be read, and at which revision it looked', async () => {
  const name = freshName()
  const key = `/spicerack/locks/cookbooks/${name}`
  const { revision } = await store.commit({
    compare: [],
    success: [{ type: 'put', key, value: 'no JSON' }],
    failure: [],
  })
  const { status, body } = await ask('GET', `/v2/locks/cookbooks/${name}`)
  expect([status, body]).toMatchObject([200, { problem: expect.stringContaining('no JSON') }])
  expect(BigInt(body.revision!)).toBeGreaterThanOrEqual(revision)
  const list = (await ask('GET', '/v2/locks?prefix=cookbooks')).body as unknown as Answer['body'][]
  for (const lock of list) expect(BigInt(lock.revision!)).toBeGreaterThanOrEqual(revision)
  await store.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
})

it('tells what is left of a lock that its holder renews, and that it is renewed', async () => {
  const name = freshName()
  const held = await native.hold(name, { concurrency: 1, ttl: 2, keepAlive: true })
  const end = performance.now() + 2_500
  await eventually(() => expect(performance.now()).toBeGreaterThan(end), 5_000)
  const { body } = await ask('GET', `/v2/locks/cookbooks/${name}`)
  const holder = { id: held.id, renewed: true, ttl: 2, remaining: expect.any(Number) }
  expect(body).toMatchObject({ holders: [holder] })
  expect((body as unknown as { holders: { remaining: number }[] }).holders[0]!.remaining).toBeGreaterThan(0)
  const list = (await ask('GET', '/v2/locks?prefix=cookbooks')).body
  expect(list).toContainEqual(expect.objectContaining({ name, holders: [expect.objectContaining(holder)] }))
  expect((await ask('PUT', `/v2/locks/cookbooks/${name}/${held.id}`, { ttl: 2 })).body).toMatchObject({
    ttl: 2,
  })
  expect(await ask('PUT', `/v2/locks/cookbooks/${name}/${held.id}`, { ttl: 60 })).toMatchObject({
    status: 409,
    body: { message: expect.stringContaining('renews it by itself') },
  })
  await held.release()
})

it('tells since when a lock of Relukko is held, whatever was changed meanwhile', async () => {
  const { body: lock } = await ask('POST', '/v1/locks', { lock_name: freshName() })
  await ask('PUT', `/v1/locks/${lock.id}/keep_alive`, { seconds: 60 })
  const { lock_name: name, created_at: created } = lock as unknown as Record<string, string>
  const { body } = await ask('GET', `/v2/locks/custom/${name}`)
  expect(body).toMatchObject({ holders: [{ created_at: created }] })
})

it('tells who released by force, and why, to holder and listeners', async () => {
  const name = freshName()
  const held = await native.hold(name, { concurrency: 1, ttl: 60 })
  const abort = new AbortController()
  const events = await fetch(`${url}/v2/events?prefix=cookbooks&name=${name}`, {
    headers: { 'x-api-key': KEY },
    signal: abort.signal,
  })
  expect(events.headers.get('content-type')).toBe('text/event-stream')
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = (await reader.read()).value!
  expect(text).toContain(': listening')
  await native.extend(name, held.id, 90)
  while (!text.includes('data: {"')) text += (await reader.read()).value!
  expect(JSON.parse(/data: (\{".*)/.exec(text)![1]!)).toMatchObject({ type: 'changed', name, id: held.id })
  text = ''
  const reason = encodeURIComponent('rack on fire')
  expect((await ask('DELETE', `/v2/locks/cookbooks/${name}/${held.id}?reason=${reason}`)).status).toBe(200)
  while (!text.includes('\ndata: {"')) text += (await reader.read()).value!
  expect(JSON.parse(/data: (\{".*)/.exec(text)![1]!)).toMatchObject({
    type: 'forced',
    name,
    id: held.id,
    by: 'robots',
    reason: 'rack on fire',
  })
  await eventually(() => expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' }))
  abort.abort()
})

it.each<[string, string, unknown, number, string]>([
  [
    'POST',
    '/v2/locks/nowhere/a',
    {},
    404,
    'There is no prefix "nowhere"; there are: custom, cookbooks, modules.',
  ],
  ['POST', '/v2/locks/etcd/a', {}, 404, 'There is no prefix "etcd"'],
  ['POST', '/v2/locks/custom/a%2Fb', {}, 400, '"a/b"'],
  ['POST', '/v2/locks/custom/a%00b', {}, 400, 'name'],
  ['POST', '/v2/locks/custom/a', { concurrency: -1 }, 400, 'concurrency'],
  ['POST', '/v2/locks/custom/a', { concurrency: '1' }, 400, 'concurrency'],
  ['POST', '/v2/locks/custom/a', { ttl: 0 }, 400, 'ttl'],
  ['POST', '/v2/locks/custom/a', { owner: '' }, 400, 'owner'],
  ['POST', '/v2/locks/custom/a', { owner: 7 }, 400, 'owner'],
  ['POST', '/v2/locks/custom/a', { owner: 'x'.repeat(50_000) }, 400, 'at most 1024 bytes'],
  ['POST', '/v2/locks/custom/a', { ttl: null }, 400, 'ttl'],
  ['POST', '/v2/locks/custom/a', { limit: 7 }, 400, '"limit"'],
  ['POST', '/v2/locks/custom/a?wait=Infinity', {}, 400, "'wait'"],
  ['POST', '/v2/locks/custom/a?wait=1&wait=2', {}, 400, "'wait'"],
  ['POST', '/v1/locks?wait=1&wait=2', { lock_name: 'a' }, 400, "'wait'"],
  ['POST', '/v2/locks/custom/a?wiat=1', {}, 400, 'Unknown query parameter "wiat"; known are: wait.'],
  ['PUT', '/v2/locks/custom/a/b?ttl=9', { ttl: 9 }, 400, '"ttl"; known are: none.'],
  ['DELETE', '/v2/locks/custom/a/b?reson=x', undefined, 400, '"reson"; known are: reason.'],
  ['GET', '/v2/locks/custom/a?wait=1', undefined, 400, '"wait"; known are: none.'],
  ['GET', '/v2/locks?prefx=custom', undefined, 400, '"prefx"; known are: prefix.'],
  ['GET', '/v2/events?naem=a', undefined, 400, '"naem"; known are: prefix, name.'],
  ['GET', '/v2/locks/custom/%2F', undefined, 400, 'name'],
  ['GET', '/v2/events?name=a&name=b', undefined, 400, "'name'"],
  ['PUT', '/v2/locks/custom/a/b', { ttl: 'long' }, 400, 'ttl'],
  ['DELETE', '/v2/locks/custom/a/b?reason=', undefined, 400, 'reason'],
  ['DELETE', '/v2/locks/custom/a/b?reason=x', undefined, 404, '"b"'],
  ['GET', '/v2/locks?prefix=relukko', undefined, 404, '"relukko"'],
  ['GET', '/v2/events?prefix=relukko', undefined, 404, '"relukko"'],
])('%s %s with %j is refused', async (method, path, body, status, named) => {
  const answer = await ask(method, path, body)
  expect([answer.status, answer.body]).toEqual([status, { status, message: expect.stringContaining(named) }])
})
