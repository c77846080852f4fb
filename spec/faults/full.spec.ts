import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { Lock, LockFullError } from '../../lib/index.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { eventually } from '../support/eventually.js'
import { type Fault, FaultyStore, lineFaults } from '../support/faulty-store.js'
import { freshName, lockAt, storeAt, useEtcdServer } from '../support/etcd.js'

const etcd = useEtcdServer()
const OWNER_BYTES = 1_000
let store: EtcdStore
let lock: Lock
let other: Lock
let name: string

beforeEach(() => {
  store = storeAt(etcd.get().endpoint)
  lock = lockAt(etcd.get().endpoint, { owner: 'o'.repeat(OWNER_BYTES) })
  other = lockAt(etcd.get().endpoint, { owner: 'other' })
  name = freshName()
})
afterEach(() => Promise.all([store, lock, other].map(each => each.close())))

const put = (entries: object): Promise<unknown> => {
  const value = JSON.stringify(entries)
  return store.commit({
    compare: [],
    success: [{ type: 'put', key: new LockKey('custom', name).path, value }],
    failure: [],
  })
}
/** So many holders that only the JSON tells of. */
function entries(count: number): object {
  const created = new Date().toISOString().replace('T', ' ').replace('Z', '+00:00')
  const entry = { concurrency: 0, created, owner: 'o'.repeat(OWNER_BYTES), ttl: 600 }
  return Object.fromEntries(Array.from({ length: count }, () => [randomUUID(), entry]))
}
const [unanswered, lost] = lineFaults.map(([, fault]) => fault) as [Fault, Fault]
const shared = { concurrency: 0, ttl: 600 }

it.each([
  ['of which every answer comes', Infinity, unanswered],
  ['of which the first is not answered', 2, unanswered],
  ['of which the second is not answered', 3, unanswered],
  ['of which the second is lost', 3, lost],
])(
  'Locks of a set that others have filled since are released in two requests, %s',
  async (_, call, fault) => {
    const line = new FaultyStore(store)
    const other = new Lock({ store: line, prefix: 'custom', owner: 'other', dryRun: false })
    const keys = ['x', 'y'].map(each => new LockKey('custom', `${name}-${each}`))
    const handle = await other.acquireAll(keys.map(key => ({ name: key.name, ...shared })))
    const read = async () => {
      const reads = keys.flatMap(key => [{ key: key.path }, { key: key.holder(handle.id) }])
      const success = reads.map(range => ({ type: 'range' as const, ...range }))
      return (await store.commit({ compare: [], success, failure: [] })).results
    }
    for (const [keyLocks] of (await read()).filter((_, at) => at % 2 === 0)) {
      const value = JSON.stringify({ ...(JSON.parse(keyLocks!.value) as object), ...entries(900) })
      await store.commit({ compare: [], success: [{ type: 'put', key: keyLocks!.key, value }], failure: [] })
    }
    // The first call goes by what was there before others came, and is not applied.
    line.befall(call, fault)
    expect(await handle.release()).toBe(true)
    const [x, ofX, y, ofY] = await read()
    expect([ofX, ofY]).toEqual([[], []])
    for (const keyLocks of [x, y]) {
      const ids = Object.keys(JSON.parse(keyLocks![0]!.value) as object)
      expect([ids.length, ids.includes(handle.id)]).toEqual([900, false])
    }
    await other.close()
  },
)

describe('A lock with as many holders as etcd can store', () => {
  const full = {
    name: 'LockFullError',
    code: 'LOCK_UNAVAILABLE',
    message: expect.stringMatching(
      /\/spicerack\/locks\/custom\/\S+ is full: its 93\d holders take \d+ bytes/,
    ),
  }

  it('is refused with an error of its own to a caller that does not wait, and has room for a waiter when a holder leaves', async () => {
    await put(entries(929))
    const ids: string[] = []
    let failure: unknown
    while (!failure)
      failure = await lock.acquire(name, { ...shared, wait: 0 }).then(
        id => void ids.push(id),
        error => error as unknown,
      )
    expect(failure).toBeInstanceOf(LockFullError)
    expect(failure).toMatchObject(full)
    expect(await lock.tryAcquire(name, shared)).toBeNull()
    expect((await lock.inspect(name)).waiters).toEqual([])

    const waiting = other.acquire(name, { ...shared, wait: 60 })
    await eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(1))
    await expect(other.acquire(name, { ...shared, wait: 0.1 })).rejects.toThrow('is full')
    await lock.release(name, ids.pop()!)
    const id = await waiting
    await lock.extend(name, id, 700)
    await other.release(name, id)
  })
})

it('An etcd that takes smaller requests says so, and what to do', async () => {
  const server = await EtcdServer.start({ args: ['--max-request-bytes', '20000'] })
  const small = lockAt(server.endpoint, { owner: 'o'.repeat(OWNER_BYTES) })
  try {
    const fill = async (): Promise<void> => {
      for (let holder = 0; holder < 30; holder++) await small.acquire(name, { ...shared, wait: 0 })
    }
    await expect(fill()).rejects.toMatchObject({
      code: 'LOCK_ERROR',
      message: expect.stringContaining(
        'too large: this etcd takes no request of that size (--max-request-bytes',
      ),
    })
  } finally {
    await small.close()
    await server.stop()
  }
})
