import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { RelukkoServer } from '../../lib/server/server.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const KEY = 'a secret of the test'
const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }
let etcd: EtcdServer
let server: RelukkoServer
let url: string
let name: string
let id: string
/** What is to be released ends when its server reaches etcd again, though its client was told of a failure. */
let released: { readonly name: string; readonly id: string }

interface Answer {
  readonly status: number
  readonly body: { readonly status: number; readonly message: string; readonly id: string }
}
async function send(method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(url + path, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}
const healthy = (): Promise<void> =>
  eventually(async () => expect((await fetch(`${url}/healthchecker`)).status).toBe(200), 15_000)

beforeAll(async () => {
  etcd = await EtcdServer.start()
  server = await RelukkoServer.create({ config: { endpoints: [etcd.endpoint] }, apiKeys: { test: KEY } })
  url = await server.listen({ port: 0 })
}, 60_000)
afterAll(async () => {
  await server.close()
  await etcd.stop()
})
beforeEach(makeLocks)
afterEach(healthy, 20_000)

/** Takes those that the routes are about. */
async function makeLocks(): Promise<void> {
  name = freshName()
  id = (await send('POST', '/v1/locks', { lock_name: name })).body.id
  released = { name: freshName(), id: '' }
  released = { ...released, ...(await send('POST', `/v2/locks/custom/${released.name}`, {})).body }
}

const routes: [string, () => string, (object | (() => object))?][] = [
  ['GET', () => '/v1/locks'],
  ['GET', () => `/v1/locks/${id}`],
  ['PUT', () => `/v1/locks/${id}`, { creator: 'you' }],
  ['GET', () => `/v1/locks/${id}/keep_alive`],
  ['PUT', () => `/v1/locks/${id}/keep_alive`, { seconds: 60 }],
  ['GET', () => `/v1/locks/${id}/add_to_expire_at`],
  ['PUT', () => `/v1/locks/${id}/add_to_expire_at`, { seconds: 60 }],
  ['DELETE', () => `/v1/locks/${id}`],
  ['POST', () => '/v1/locks', () => ({ lock_name: freshName() })],
  ['GET', () => '/v2/locks'],
  ['POST', () => `/v2/locks/custom/${freshName()}`, {}],
  ['PUT', () => `/v2/locks/custom/${name}/${id}`, { ttl: 60 }],
  ['DELETE', () => `/v2/locks/custom/${released.name}/${released.id}`],
  ['DELETE', () => `/v2/locks/custom/${name}/${id}?reason=test`],
  ['GET', () => `/v2/locks/custom/${name}`],
]

const ask = (method: string, path: string, body?: object | (() => object)): Promise<Answer> =>
  send(method, path, typeof body === 'function' ? (body as () => object)() : body)

it('an etcd that stops in the middle of any route and goes on delays it', async () => {
  const calls: { route: string; call: () => Promise<Answer> }[] = []
  for (const [method, path, body] of routes) {
    await makeLocks()
    const at = path()
    calls.push({ route: `${method} ${at}`, call: () => ask(method, at, body) })
  }
  await etcd.pause()
  const answered: string[] = []
  const asked = calls.map(({ route, call }) => call().finally(() => answered.push(route)))
  await new Promise(resolve => setTimeout(resolve, 500))
  expect(answered).toEqual([])
  await etcd.resume()
  const statuses = (await Promise.all(asked)).map(({ status }, at) => `${calls[at]!.route} ${status}`)
  expect(statuses).toEqual(calls.map(({ route }) => `${route} ${route.startsWith('POST') ? 201 : 200}`))
}, 20_000)

it('an etcd that is gone is told with 503 by every route, and nothing is lost', async () => {
  await etcd.kill()
  const asked = await Promise.all([
    ...routes.map(([method, path, body]) => ask(method, path(), body)),
    send('GET', '/v2/events'),
    send('POST', '/v1/locks?wait=3', { lock_name: freshName() }),
  ])
  for (const { status, body } of asked) {
    expect([status, body.status]).toEqual([503, 503])
    expect(body.message).toMatch(/etcd/)
  }
  const health = await send('GET', '/healthchecker')
  expect([health.status, health.body.status]).toEqual([503, 503])
  await etcd.restart()
  await healthy()
  expect((await send('GET', `/v1/locks/${id}`)).body).toMatchObject({ id, lock_name: name })
}, 60_000)
