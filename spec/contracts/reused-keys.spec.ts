import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { freshName, lockAt, storeAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const etcd = useEtcdServer()
const brief = { concurrency: 1, ttl: 30, wait: 20 }

let store: EtcdStore
let lock: Lock
let key: LockKey
/** All keys that were ever put: etcd keeps each in its index until a compaction. */
const put = { holders: new Set<string>(), tickets: new Set<string>() }
let puts = 0

beforeEach(async () => {
  key = new LockKey('custom', freshName())
  store = storeAt(etcd.get().endpoint)
  lock = lockAt(etcd.get().endpoint)
  puts = 0
  for (const kind of ['holders', 'tickets'] as const) {
    put[kind].clear()
    const listener = {
      onEvents: events => {
        for (const event of events) {
          if (event.type !== 'put') continue
          puts++
          put[kind].add(event.kv.key)
        }
      },
      onGap: () => {},
      onEnd: () => {},
    } satisfies Parameters<EtcdStore['watch']>[1]
    await store.watch(key[kind], listener).ready
  }
})
afterEach(async () => {
  await lock.close()
  await store.close()
})

async function takeAndLeave(rounds: number, ids: Set<string>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const id = await lock.acquire(key.name, brief)
    ids.add(id)
    await lock.release(key.name, id)
  }
}

it('One that takes a lock again and again needs one holder key, under ever new ids', async () => {
  const ids = new Set<string>()
  await takeAndLeave(20, ids)
  expect(ids.size).toBe(20)
  await eventually(() => expect(puts).toBe(20))
  expect([...put.holders]).toEqual([key.holder([...ids][0]!)])
})

it('Many that wait for each other need as many keys as they are, however often they take the lock', async () => {
  const ids = new Set<string>()
  await Promise.all(Array.from({ length: 5 }, () => takeAndLeave(20, ids)))
  expect(ids.size).toBe(100)
  await eventually(() => expect(puts).toBeGreaterThanOrEqual(100))
  expect(put.holders.size).toBeLessThanOrEqual(5)
  expect(put.tickets.size).toBeLessThanOrEqual(5)
})

it('What is refused or given up before it has begun takes no key from the next', async () => {
  const shared = { ...brief, concurrency: 5 }
  const first = await lock.acquire(key.name, shared)
  for (let round = 0; round < 3; round++) {
    const impatient = lock.acquire(key.name, { ...brief, wait: 0 })
    await expect(impatient).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
    const enough = new Error('enough')
    const signal = AbortSignal.abort(enough)
    await expect(lock.acquire(key.name, { ...shared, signal })).rejects.toBe(enough)
    await lock.acquired(key.name, shared, async () => {
      await expect(lock.acquire(key.name, brief)).rejects.toMatchObject({ code: 'LOCK_REENTERED' })
    })
  }
  const ids = [first]
  while (ids.length < 4) ids.push(await lock.acquire(key.name, shared))
  expect(ids.map(id => id.slice(15, 23)).sort()).toEqual([0, 1, 2, 3].map(slot => `000-800${slot}`))
})

it('What one Lock of a process takes and another releases needs one key, too', async () => {
  await using other = lockAt(etcd.get().endpoint)
  for (let round = 0; round < 10; round++) await other.release(key.name, await lock.acquire(key.name, brief))
  await eventually(() => expect(puts).toBe(10))
  expect(put.holders.size).toBe(1)
})

it('A holding that was lost keeps its key for a while: what may still come for it meets no other', async () => {
  const held = await lock.hold(key.name, brief)
  const kv = (
    await store.commit({ compare: [], success: [{ type: 'range', key: key.holder(held.id) }], failure: [] })
  ).results[0]![0]!
  await store.leases.revoke(kv.lease!)
  await eventually(() => expect(held.signal.aborted).toBe(true))
  const next = await lock.acquire(key.name, brief)
  expect(key.holder(next)).not.toBe(key.holder(held.id))
  expect((await lock.inspect(key.name)).holders).toMatchObject([{ id: next }])
})
