import { setImmediate } from 'node:timers/promises'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { Timestamp } from '../../lib/index.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { FaultyStore, lineFaults } from '../support/faulty-store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { logSpy } from '../support/log-spy.js'

const KEY = 'a secret of the test'
const store = new MemoryStore()
const faulty = new FaultyStore(store)
const spy = logSpy()
const signIn = { user: 'ada', password: 'a password of the test' }
let server: RelukkoServer
let url: URL

beforeAll(async () => {
  server = await RelukkoServer.create({
    store: faulty,
    apiKeys: { test: KEY },
    signIn,
    pingSeconds: 0.1,
    logger: spy.log,
  })
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
    // An etcd is not as quick.
    await setImmediate()
  }
  socket.resume()
  await closed
  expect(socket.bytesRead).toBeLessThan(holders * owner.length)
}, 30_000)

/** What has come of a stream of events so far, and whether it is over. */
async function listen(
  headers: Record<string, string> = { 'x-api-key': KEY },
): Promise<{ text: string; isOver: boolean; abort: () => void }> {
  const controller = new AbortController()
  const { body, status } = await fetch(new URL('/v2/events', url), { headers, signal: controller.signal })
  expect(status).toBe(200)
  const heard = { text: '', isOver: false, abort: () => controller.abort() }
  const hear = async (): Promise<void> => {
    for await (const chunk of body!.pipeThrough(new TextDecoderStream())) heard.text += chunk
  }
  void hear()
    .catch(() => {})
    .then(() => (heard.isOver = true))
  await eventually(() => expect(heard.text).toContain('event: ready'))
  return heard
}
const put = (key: string, value: string): Promise<unknown> =>
  store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })

it('tells of the prefixes that are served only', async () => {
  const heard = await listen()
  const terms = JSON.stringify({ concurrency: 1, created: String(Timestamp.now()), owner: 'me', ttl: 60 })
  const name = freshName()
  await put(new LockKey('elsewhere', name).holder('a'), terms)
  await put(new LockKey('modules', name).holder('b'), terms)
  await eventually(() => expect(heard.text).toContain('"prefix":"modules"'))
  expect(heard.text).not.toContain('elsewhere')
  heard.abort()
})

it('says again and again that it is there, and whether etcd answers', async () => {
  const heard = [await listen(), await listen()]
  const heartbeats = (isEtcdThere: boolean): Promise<void> =>
    eventually(() => {
      for (const { text } of heard) {
        expect(text).toMatch(new RegExp(`event: heartbeat\ndata: \\{"etcd":${isEtcdThere}\\}\n\n$`))
      }
    })
  await heartbeats(true)
  faulty.befall(1, lineFaults[1]![1], 1_000_000)
  await heartbeats(false)
  faulty.befall(1, lineFaults[1]![1], 0)
  await heartbeats(true)
  const before = faulty.calls
  heard.forEach(({ abort }) => abort())
  await eventually(() => expect(heard.map(({ isOver }) => isOver)).toEqual([true, true]))
  expect(before).toBeGreaterThan(0)
})

it('is refused with 503 while etcd does not answer', async () => {
  faulty.befall(1, lineFaults[1]![1], 1_000_000)
  try {
    const answer = await fetch(new URL('/v2/events', url), { headers: { 'x-api-key': KEY } })
    expect([answer.status, await answer.json()]).toMatchObject([503, { status: 503 }])
  } finally {
    faulty.befall(1, lineFaults[1]![1], 0)
  }
})

it('warns of nothing when a client goes', async () => {
  const before = spy.lines.length
  for (let client = 0; client < 5; client++) (await listen()).abort()
  // One that goes before it was answered.
  const gone = new AbortController()
  const asked = fetch(new URL('/v2/events', url), { headers: { 'x-api-key': KEY }, signal: gone.signal })
  gone.abort()
  await expect(asked).rejects.toThrow()
  const last = await listen()
  const calls = faulty.calls
  await eventually(() => expect(faulty.calls).toBeGreaterThan(calls + 2))
  last.abort()
  expect(spy.lines.slice(before).filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
})

it('ends with the session of who listens', async () => {
  const post = (path: string, headers: Record<string, string>, body?: URLSearchParams): Promise<Response> =>
    fetch(new URL(path, url), { method: 'POST', headers, redirect: 'manual', ...(body && { body }) })
  const cookies = async (): Promise<string> =>
    (await post('/sign-in', {}, new URLSearchParams(signIn))).headers.get('set-cookie')!.split(';')[0]!
  const cookie = await cookies()
  const [own, ofKey] = [await listen({ cookie }), await listen()]
  const session = await fetch(new URL('/session', url), { headers: { cookie } })
  expect(session.headers.get('cache-control')).toBe('no-store')
  const { csrf } = (await session.json()) as { csrf: string }
  expect((await post('/sign-out', { cookie, 'x-csrf-token': csrf })).status).toBe(200)
  await eventually(() => expect([own.isOver, ofKey.isOver]).toEqual([true, false]))
  ofKey.abort()
})
