import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Lock } from '../../../lib/index.js'
import { SnapshotCache } from '../../../lib/lock/engine/snapshot-cache.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot } from '../../../lib/protocol/snapshot.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { eventually } from '../../support/eventually.js'

const key = new LockKey('custom', 'name')
const terms = { concurrency: 1, ttl: 30 }

let memory: MemoryStore
let queueReads: number
let lock: Lock
beforeEach(() => {
  memory = new MemoryStore()
  queueReads = 0
  const store = {
    commit: async (transaction: Parameters<MemoryStore['commit']>[0]) => {
      const result = await memory.commit(transaction)
      const ran = result.succeeded ? transaction.success : transaction.failure
      if (ran.some(op => op.type === 'range' && op.key === key.tickets.key && op.limit)) queueReads++
      return result
    },
    watch: (...args: Parameters<MemoryStore['watch']>) => memory.watch(...args),
    leases: memory.leases,
    close: () => Promise.resolve(),
  }
  lock = new Lock({ store, prefix: 'custom', owner: 'crowd', dryRun: false })
})
afterEach(async () => {
  await lock.close()
  await memory.close()
})

it('the more of a process wait, the seldomer it reads the queue: etcd sorts all of it each time', async () => {
  const [WAITERS, TURNS] = [2_000, 600]
  const holder = await lock.hold('name', terms)
  let [served, seen] = [0, 0]
  const waiting = Array.from({ length: WAITERS }, () =>
    lock.hold('name', { ...terms, wait: 60 }).then(held => (++served <= TURNS ? held.release() : undefined)),
  )
  const ended = Promise.allSettled(waiting)
  // Each has taken its ticket, and looked.
  await eventually(async () => {
    const before = seen
    const { waiters } = await lock.inspect('name')
    seen = queueReads
    expect([waiters.length, seen]).toStrictEqual([WAITERS, before])
  })
  await holder.release()
  await eventually(() => expect(served).toBeGreaterThan(TURNS))
  expect(queueReads - seen).toBeLessThan(TURNS / 40)
  await lock.close()
  await ended
})

it('of a long queue that a process has been shown, it keeps the beginning in mind', () => {
  const snapshots = new SnapshotCache()
  const tickets = Array.from({ length: 10_000 }, (_, at) => {
    const [id, revision] = [`id ${at}`, BigInt(at + 1)]
    const kv = {
      key: key.ticket(id),
      value: '{}',
      lease: '1',
      createRevision: revision,
      modRevision: revision,
    }
    return [id, kv] as const
  })
  snapshots.set({ ...emptySnapshot(key), revision: 10_001n, tickets: new Map(tickets) })
  const seen = snapshots.get(key)
  expect([seen.tickets.size, seen.isWhole]).toStrictEqual([256, false])
  expect([...seen.tickets]).toStrictEqual(tickets.slice(0, 256))
})
