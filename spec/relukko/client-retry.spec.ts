import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Retries } from '../../lib/relukko/client/retries.js'
import { RelukkoClient, type RetryOptions } from '../../lib/relukko/index.js'
import { HttpServer, json } from '../support/http-server.js'
import { RELUKKO_LOCK as LOCK } from '../support/relukko-lock.js'

let server: HttpServer
let clients: RelukkoClient[]
const make = (retry: RetryOptions | null, tries = 1, url = server.url): RelukkoClient => {
  const client = new RelukkoClient(url, 'a secret of the test', { tries, delay: 0.01, retry })
  clients.push(client)
  return client
}
const took = async (work: Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work.catch(() => {})
  return performance.now() - start
}

beforeEach(async () => {
  clients = []
  server = await HttpServer.start((_, response) => json(response, 200, LOCK))
})
afterEach(async () => {
  await Promise.all(clients.map(client => client.close()))
  await server.stop()
})

it('repeats what changes nothing, within each of the tries', async () => {
  server.answer = (_, response) => json(response, 503, { message: 'down' })
  await expect(make({ status: 2 }, 2).getLock(LOCK.id)).rejects.toMatchObject({ status: 503 })
  expect(server.asked).toHaveLength(6)
  server.answer = (request, response) =>
    server.asked.length < 9 ? request.socket.destroy() : json(response, 200, LOCK)
  expect(await make({ read: 3 }).getLock(LOCK.id)).toMatchObject({ id: LOCK.id })
  expect(server.asked).toHaveLength(9)
})

it.each<[string, (client: RelukkoClient) => Promise<unknown>]>([
  ['acquire', client => client.acquireRelukko('a lock', null, 0)],
  ['delete', client => client.deleteRelukko(LOCK.id)],
  ['update', client => client.updateRelukko(LOCK.id, { creator: 'us' })],
  ['add to the time of expiry', client => client.addToExpiresAtTime(LOCK.id)],
])('does not by itself repeat what might be done twice: %s', async (_, call) => {
  server.answer = request => request.socket.destroy()
  await expect(call(make({ total: 3 }))).rejects.toMatchObject({ code: 'RELUKKO_SERVER' })
  expect(server.asked).toHaveLength(1)
})

it('repeats any call that found nobody, with growing pauses', async () => {
  const { url } = server
  await server.stop()
  const impatient = make({ connect: 1 }, 1, url).acquireRelukko('a lock', null, 0)
  await expect(impatient).rejects.toThrow('(tries: 2)')
  const patient = make({ total: 3, backoffFactor: 0.05 }, 1, url).deleteRelukko(LOCK.id)
  expect(await took(patient)).toBeGreaterThan(290)
  await expect(patient).rejects.toThrow('(tries: 4)')
  server = await HttpServer.start((_, response) => json(response, 200, LOCK))
})

it('waits as Retry-After says, if that is not too long', async () => {
  const busy = (after: string) => (): void => {
    server.answer = (_, response) =>
      server.asked.length > 1
        ? json(response, 200, LOCK)
        : response.writeHead(429, { 'retry-after': after }).end()
  }
  busy('1')()
  const asked = make({ status: 1 }).getLock(LOCK.id)
  expect(await took(asked)).toBeGreaterThan(990)
  expect(await asked).toMatchObject({ id: LOCK.id })
  server.asked.length = 0
  busy('60')()
  await expect(make({ backoffMax: 2 }).getLock(LOCK.id)).rejects.toMatchObject({ status: 429 })
  expect(server.asked).toHaveLength(1)
})

it('is not repeated by itself when nothing is said', async () => {
  server.answer = request => request.socket.destroy()
  await expect(make(null).getLock(LOCK.id)).rejects.toThrow('(tries: 1)')
})

const failed = (code: string, syscall?: string): Error => Object.assign(new Error(code), { code, syscall })
const answered = (
  status: number,
  retryAfter?: string,
): { status: number; retryAfter: string | undefined } => ({
  status,
  retryAfter,
})

it('counts each kind of failure by itself, and all together', () => {
  const each = new Retries({ connect: 1, read: 0, status: 1, other: 1 })
  expect(each.next(failed('ECONNREFUSED'), true)).toBe(0)
  expect(each.next(failed('ECONNRESET', 'read'), true)).toBeUndefined()
  expect(each.next(answered(500), true)).toBe(0)
  expect(each.next(answered(500), true)).toBeUndefined()
  expect(each.next(failed('CERT_HAS_EXPIRED'), true)).toBe(0)
  expect(each.next(failed('ETIMEDOUT', 'connect'), true)).toBeUndefined()
  const all = new Retries({ total: 2 })
  expect([1, 2, 3].map(() => all.next(failed('UND_ERR_SOCKET'), true))).toEqual([0, 0, undefined])
})

it('pauses as urllib3 does', () => {
  const pauses = (options: RetryOptions, count: number): unknown[] => {
    const retries = new Retries(options)
    return Array.from({ length: count }, () => retries.next(answered(500), true))
  }
  expect(pauses({ backoffFactor: 0.5, backoffMax: 3 }, 5)).toEqual([0, 1, 2, 3, 3])
  expect(pauses({}, 11)).toEqual([...Array<number>(10).fill(0), undefined])
  const [none, some] = pauses({ backoffJitter: 1 }, 2) as [number, number]
  expect(none).toBe(0)
  expect(some).toBeGreaterThanOrEqual(0)
  expect(some).toBeLessThan(1)
  const date = new Date(Date.now() + 50_000).toUTCString()
  const until = new Retries({}).next(answered(503, date), true)
  expect(until).toBeGreaterThan(45)
  expect(until).toBeLessThanOrEqual(50)
  expect(new Retries({}).next(answered(429), true)).toBeUndefined()
  expect(new Retries({}).next(answered(404, '1'), true)).toBeUndefined()
})
