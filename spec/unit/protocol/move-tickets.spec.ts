import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type Op, unconditionally } from '../../../lib/kv/transaction.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { moveTickets } from '../../../lib/protocol/move-tickets.js'
import { readSnapshot, type Snapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'

const keys = ['one', 'two'].map(name => new LockKey('custom', name))
const uuid = 'waiter'
let store: MemoryStore
let leases: string[]

beforeEach(async () => {
  store = new MemoryStore()
  leases = []
  for (let lease = 0; lease < 3; lease++) leases.push((await store.leases.grant(15)).id)
  const put = (key: LockKey): Op => ({
    type: 'put',
    key: key.ticket(uuid),
    value: 'terms',
    lease: leases[0]!,
  })
  await store.commit(unconditionally(...keys.map(put)))
})
afterEach(() => store.close())

const read = (): Promise<Snapshot[]> =>
  Promise.all(
    keys.map(async key =>
      readSnapshot(key, await store.commit({ compare: [], success: snapshotReads(key), failure: [] })),
    ),
  )

async function move(seen: readonly Snapshot[], lease: number): Promise<boolean> {
  return (await store.commit(moveTickets(seen, uuid, leases[lease]!))).succeeded
}

it('all tickets of an id get another lease, and keep their places', async () => {
  const before = await read()
  expect(await move(before, 1)).toBe(true)
  const after = await read()
  after.forEach(({ tickets }, at) => {
    const old = before[at]!.tickets.get(uuid)!
    expect(tickets.get(uuid)).toEqual({ ...old, lease: leases[1], modRevision: after[at]!.revision })
  })
})

it('a late move changes nothing of tickets that have moved on', async () => {
  const before = await read()
  await move(before, 1)
  expect(await move(before, 2)).toBe(false)
  expect((await read()).map(({ tickets }) => tickets.get(uuid)!.lease)).toEqual([leases[1], leases[1]])
})

it('a late move brings no ticket back', async () => {
  const before = await read()
  await store.commit(unconditionally({ type: 'delete', key: keys[0]!.ticket(uuid) }))
  expect(await move(before, 1)).toBe(false)
  expect((await read()).map(({ tickets }) => tickets.get(uuid)?.lease)).toEqual([undefined, leases[0]])
})
