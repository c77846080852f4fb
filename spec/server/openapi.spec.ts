import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import WebSocket from 'ws'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
const store = new MemoryStore()
let server: RelukkoServer
let url: string
let document: Document

interface Answer {
  readonly content: Readonly<Record<string, { readonly schema: object }>>
  readonly headers?: Readonly<Record<string, unknown>>
}
interface Operation {
  readonly responses: Readonly<Record<string, Answer>>
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: object } } }
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: object
}

beforeAll(async () => {
  server = await RelukkoServer.create({ store, apiKeys: { robots: KEY } })
  url = await server.listen({ port: 0 })
  document = (await (await fetch(`${url}/openapi.json`)).json()) as Document
})
afterAll(async () => {
  await server.close()
  await store.close()
})

/** Fails unless the value is what the schema says. */
function check(schema: object, value: unknown): void {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  const validate = ajv.compile({ ...schema, components: document.components })
  validate(value)
  expect(validate.errors ?? []).toEqual([])
}

const told = new Set<string>()

/** Calls a path of the document, and compares the answer with what it says. */
async function call(
  method: string,
  path: string,
  {
    params = {},
    body,
    key = KEY,
    query = '',
  }: { params?: Record<string, string>; body?: unknown; key?: string; query?: string } = {},
): Promise<Record<string, unknown>> {
  const target = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name]!))
  const answer = await fetch(url + target + query, {
    method,
    headers: { 'x-api-key': key, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const said = document.paths[path]![method.toLowerCase()]!.responses[answer.status]
  expect([answer.status, said && 'documented']).toEqual([answer.status, 'documented'])
  told.add(`${method} ${path} ${answer.status}`)
  for (const name of Object.keys(said!.headers ?? {})) expect(answer.headers.get(name)).toMatch(/^\d+$/)
  const type = answer.headers.get('content-type')!.split(';')[0]!
  const value: unknown = type === 'application/json' ? await answer.json() : await answer.text()
  check(said!.content[type]!.schema, value)
  return value as Record<string, unknown>
}

it('is a valid OpenAPI document', async () => {
  expect(await new Validator().validate({ ...document })).toMatchObject({ valid: true })
})

it('knows all routes for programs, and no others', () => {
  const known = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  const isForPrograms = (route: string): boolean =>
    /^(?!HEAD)\S+ \/(v\d|ws|healthchecker|metrics|openapi\.json)/.test(route)
  expect(known.sort()).toEqual([...new Set(server.routes.filter(isForPrograms))].sort())
})

it('does nothing at HEAD, which some GETs would', () => {
  expect(server.routes.filter(route => /^HEAD \/(v\d|ws)/.test(route))).toEqual([])
  expect(server.routes).toContain('HEAD /healthchecker')
})

describe('says what is answered', () => {
  it('to Relukko’s clients', async () => {
    const lockName = freshName()
    const body = { lock_name: lockName, creator: 'me', ttl: 60 }
    const { id } = (await call('POST', '/v1/locks', { body })) as { id: string }
    await call('POST', '/v1/locks', { body })
    await call('POST', '/v1/locks', { body: { lock_name: 7 } })
    await call('GET', '/v1/locks')
    await call('GET', '/v1/locks', { key: 'wrong' })
    const params = { id }
    await call('GET', '/v1/locks/{id}', { params })
    await call('PUT', '/v1/locks/{id}', { params, body: { creator: 'you', expires_at: null } })
    await call('PUT', '/v1/locks/{id}', { params, body: { expires_at: 'soon' } })
    for (const path of ['/v1/locks/{id}/keep_alive', '/v1/locks/{id}/add_to_expire_at']) {
      await call('GET', path, { params })
      await call('PUT', path, { params, body: { seconds: 60 } })
      await call('PUT', path, { params, body: { seconds: -1 } })
    }
    await call('DELETE', '/v1/locks/{id}', { params })
    await call('DELETE', '/v1/locks/{id}', { params })
  })

  it('to those who use the whole model', async () => {
    const path = '/v2/locks/{prefix}/{name}'
    const params = { prefix: 'custom', name: freshName() }
    const { id } = (await call('POST', path, { params, body: { ttl: 60 } })) as { id: string }
    await call('POST', path, { params, body: {} })
    await call('POST', path, { params, body: { ttl: 'long' } })
    const waiting = call('POST', path, { params, body: { owner: 'patient' }, query: '?wait=30' })
    let waiter: string | undefined
    await eventually(async () => {
      const { waiters } = (await call('GET', path, { params })) as { waiters?: { id: string }[] }
      waiter = waiters![0]!.id
    })
    await call('POST', '/v1/locks', { body: { lock_name: freshName() } })
    await call('GET', '/v2/locks')
    await call('GET', '/v2/locks', { query: '?prefix=none' })
    await call('GET', '/v2/locks', { query: '?prefx=custom' })
    await call('DELETE', `${path}/{id}`, { params: { ...params, id: waiter! }, query: '?reason=fire' })
    expect(await waiting).toMatchObject({ status: 410 })
    await call('PUT', `${path}/{id}`, { params: { ...params, id }, body: { ttl: 90 } })
    await call('PUT', `${path}/{id}`, { params: { ...params, id }, body: {} })
    await call('DELETE', `${path}/{id}`, { params: { ...params, id } })
    await call('DELETE', `${path}/{id}`, { params: { ...params, id } })
  })

  it('to load balancers, Prometheus and those who read it', async () => {
    for (const path of ['/healthchecker', '/metrics', '/openapi.json'])
      await call('GET', path, { key: 'none' })
  })

  it('by WebSockets and streams', async () => {
    const name = freshName()
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/broadcast`, {
      headers: { 'x-api-key': KEY },
    })
    const frames: unknown[] = []
    socket.on('message', (frame: Buffer) => frames.push(JSON.parse(frame.toString())))
    const stop = new AbortController()
    const stream = await fetch(`${url}/v2/events?name=${name}`, {
      headers: { 'x-api-key': KEY },
      signal: stop.signal,
    })
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('event: ready')) text += (await reader.read()).value!
    await eventually(() => expect(socket.readyState).toBe(WebSocket.OPEN))
    await eventually(async () => {
      const { id } = (await call('POST', '/v1/locks', { body: { lock_name: name } })) as { id: string }
      await call('GET', '/v1/locks/{id}/keep_alive', { params: { id } })
      await call('DELETE', '/v1/locks/{id}', { params: { id } })
      expect(frames.length).toBeGreaterThanOrEqual(3)
    })
    while (!text.includes('"released"')) text += (await reader.read()).value!
    stop.abort()
    socket.close()
    for (const frame of frames) check({ $ref: '#/components/schemas/Change' }, frame)
    const data = [...text.matchAll(/^data: (\{".*)$/gm)].map(([, json]) => JSON.parse(json!) as unknown)
    for (const event of data) check({ $ref: '#/components/schemas/Event' }, event)
    expect(data.length).toBeGreaterThanOrEqual(3)
  })

  it('with every success that it names', () => {
    const successes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) =>
        Object.keys(responses)
          .filter(status => status.startsWith('2'))
          .map(status => `${method.toUpperCase()} ${path} ${status}`),
      ),
    )
    expect(successes.filter(each => !told.has(each))).toEqual(['GET /v2/events 200'])
  })
})
