import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import fastify, { type FastifyInstance } from 'fastify'
import { unconditionally } from '../../lib/kv/transaction.js'
import { Timestamp } from '../../lib/model/timestamp.js'
import { newLockId } from '../../lib/model/lock-ids.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { formatRecord } from '../../lib/relukko/locks/record.js'
import { RelukkoDTO, type RelukkoJson } from '../../lib/relukko/relukko-dto.js'
import { sendList } from '../../lib/server/http/json-list.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { logSpy } from '../support/log-spy.js'

const KEY = 'a secret of the test'
const MANY = 4_000
/** Locks that are written at once: etcd takes 128 operations. */
const BATCH = 40
const etcd = useEtcdServer()

describe(`of ${MANY} locks`, () => {
  let server: RelukkoServer
  let url: string
  const locks: RelukkoDTO[] = []
  const get = (path: string): Promise<Response> => fetch(url + path, { headers: { 'x-api-key': KEY } })

  beforeAll(async () => {
    const store = storeAt(etcd.get().endpoint)
    const now = Timestamp.now()
    for (let at = 0; at < MANY; at++) {
      const times = { createdAt: now, updatedAt: now, expiresAt: now.plusSeconds(600) }
      const lockName = `rack ${String(at).padStart(5, '0')}`
      locks.push(new RelukkoDTO({ id: newLockId(), lockName, creator: 'a robot', ip: '192.0.2.7', ...times }))
    }
    for (let at = 0; at < MANY; at += BATCH) {
      await store.commit(unconditionally(...locks.slice(at, at + BATCH).flatMap(written)))
    }
    await store.close()
    const apiKeys = { test: KEY }
    server = await RelukkoServer.create({ config: { endpoints: [etcd.get().endpoint] }, apiKeys })
    url = await server.listen({ port: 0 })
  }, 60_000)
  afterAll(() => server.close())

  it('is whole, and as Relukko has it', async () => {
    const answer = await get('/v1/locks')
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect((await answer.json()) as RelukkoJson[]).toEqual(locks.map(lock => lock.toJSON()))
  })

  it('tells of each holder what is known of it', async () => {
    const answer = await get('/v2/locks?prefix=custom')
    expect(Number(answer.headers.get('x-revision'))).toBeGreaterThan(1)
    const states = (await answer.json()) as { lock_name: string; holders: { id: string; ip: string }[] }[]
    expect(states.map(({ lock_name: name, holders }) => [name, holders[0]?.id, holders[0]?.ip])).toEqual(
      locks.map(({ lockName, id, ip }) => [lockName, id, ip]),
    )
    expect(await (await get('/metrics')).text()).toContain(`spicelock_locks_held ${MANY}\n`)
  })

  /** The longest turn of the event loop while a list is made, as a share of the whole time; and the other requests meanwhile. */
  const measured = async (path: string): Promise<{ share: number; others: number }> => {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const start = performance.now()
    let others = 0
    let isDone = false
    const list = get(path)
      .then(answer => answer.text())
      .finally(() => (isDone = true))
    while (!isDone) {
      expect((await get(`/v1/locks/${locks[0]!.id}`)).status).toBe(200)
      others++
    }
    await list
    delay.disable()
    return { share: delay.max / 1e6 / (performance.now() - start), others }
  }

  it.each(['/v1/locks', '/v2/locks'])('of %s is made in short turns', async path => {
    // A busy machine makes turns longer, never shorter: the best of some counts. Made in one go, it is more than half.
    const rounds = []
    for (let round = 0; round < 3; round++) rounds.push(await measured(path))
    expect(Math.min(...rounds.map(({ share }) => share))).toBeLessThan(0.3)
    expect(Math.max(...rounds.map(({ others }) => others))).toBeGreaterThan(3)
  })

  it('is whole, and has none twice, while other locks come and go', async () => {
    let isOver = false
    const coming = Array.from({ length: 4 }, async (_, worker) => {
      for (let serial = 0; !isOver; serial++) {
        const lock_name = `rack ${String(serial % MANY).padStart(5, '0')} of ${worker}`
        const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }
        const body = JSON.stringify({ lock_name })
        const { id } = (await (
          await fetch(`${url}/v1/locks`, { method: 'POST', headers, body })
        ).json()) as RelukkoJson
        expect((await fetch(`${url}/v1/locks/${id}`, { method: 'DELETE', headers })).status).toBe(200)
      }
    })
    try {
      for (let round = 0; round < 3; round++) {
        const found = (await (await get('/v1/locks')).json()) as RelukkoJson[]
        const stood = found.filter(({ lock_name: name }) => !name.includes(' of '))
        expect(JSON.stringify(stood)).toBe(JSON.stringify(locks))
        expect(new Set(found.map(({ id }) => id)).size).toBe(found.length)
      }
    } finally {
      isOver = true
      await Promise.all(coming)
    }
  })

  it('finds a lock by an id that has no record, and none that is not held', async () => {
    const id = newLockId()
    expect((await get(`/v1/locks/${id}`)).status).toBe(422)
    const key = new LockKey('custom', 'without')
    const terms = { concurrency: 1, created: String(Timestamp.now()), owner: 'another', ttl: 60 }
    const store = storeAt(etcd.get().endpoint)
    await store.commit(
      unconditionally(
        { type: 'put', key: key.path, value: JSON.stringify({ [id]: terms }) },
        { type: 'put', key: key.holder(id), value: JSON.stringify({ id, ...terms }) },
      ),
    )
    await store.close()
    expect(await (await get(`/v1/locks/${id}`)).json()).toMatchObject({ id, lock_name: 'without' })
  })
})

function written(lock: RelukkoDTO): { type: 'put'; key: string; value: string }[] {
  const { id, lockName: name, createdAt } = lock
  const key = new LockKey('custom', name)
  const terms = { concurrency: 1, created: String(createdAt), owner: 'a robot', ttl: 780 }
  return [
    { type: 'put', key: key.path, value: JSON.stringify({ [id]: terms }) },
    { type: 'put', key: key.holder(id), value: JSON.stringify({ id, ...terms, record: true }) },
    { type: 'put', key: LockKey.record(id), value: formatRecord({ lock, name }) },
  ]
}

describe('a list of any length', () => {
  const http: FastifyInstance = fastify()
  let port: number
  let made = 0
  let isLeft = false
  const { log, lines } = logSpy()

  function* endless(): Generator<string> {
    try {
      for (;;) yield 'x'.repeat(1_000 + (made++ % 2))
    } finally {
      isLeft = true
    }
  }

  const broken = {
    toJSON: () => {
      throw new RangeError('no time')
    },
  }
  function* ending(): Generator<string> {
    for (let at = 0; at < 200; at++) yield 'x'.repeat(1_000)
    throw new Error('no more')
  }

  beforeEach(() => {
    lines.length = 0
  })
  beforeAll(async () => {
    http.get<{ Params: { count: string } }>('/:count', ({ params: { count } }, reply) =>
      sendList<unknown>(
        reply,
        count === 'endless' ? endless() : Array.from({ length: Number(count) }, (_, at) => ({ at })),
        log,
      ),
    )
    http.get('/broken', (_, reply) => sendList(reply, [broken, 1, broken, 2, broken], log))
    http.get('/ending', (_, reply) => sendList(reply, ending(), log))
    port = Number(new URL(await http.listen({ port: 0, host: '127.0.0.1' })).port)
  })
  afterAll(() => http.close())

  const ask = async (path: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await once(socket, 'readable')
    return socket
  }

  it.each([0, 1, 1_000, 30_000])('is right with %d items', async count => {
    const answer = await fetch(`http://127.0.0.1:${port}/${count}`)
    // A busy machine makes even a short list longer than one turn.
    if (count <= 1) expect(answer.headers.has('content-length')).toBe(true)
    if (count === 30_000) expect(answer.headers.has('content-length')).toBe(false)
    expect(await answer.json()).toEqual(Array.from({ length: count }, (_, at) => ({ at })))
  })

  it('is without an item of which no JSON can be made, and that is logged', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/broken`)
    expect([answer.status, await answer.json()]).toEqual([200, [1, 2]])
    const line = { level: 'warn', err: expect.objectContaining({ message: 'no time' }) as unknown }
    expect(lines).toMatchObject([line, line, line])
  })

  it('is cut off when its items end with an error, and that is logged', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/ending`)
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
    expect(lines).toMatchObject([{ level: 'error', err: { message: 'no more' } }])
  })

  it('is made no faster than its client reads, and no further when it goes', async () => {
    const socket = await ask('/endless')
    let before = -1
    await eventually(async () => {
      before = made
      await setTimeout(50)
      expect(made).toBe(before)
    })
    expect(isLeft).toBe(false)
    socket.destroy()
    await eventually(() => expect(isLeft).toBe(true))
    // What was under way when it went.
    expect(made - before).toBeLessThan(1_000)
  })
})
