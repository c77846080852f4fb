import { beforeEach, describe, expect, it } from '@jest/globals'
import type { KeyEvent } from '../../../lib/kv/key-value.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { applyComposition, compose } from '../../../lib/protocol/compose.js'
import { grant } from '../../../lib/protocol/grant.js'
import { heldSnapshot } from '../../../lib/protocol/held-snapshot.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Request } from '../../../lib/protocol/request.js'
import {
  applyEvent,
  applyResult,
  emptySnapshot,
  readSnapshot,
  type Snapshot,
  snapshotReads,
  withQueueOf,
} from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')

let etcd: KeySpace
beforeEach(() => {
  etcd = new KeySpace(() => true)
})

const request = (uuid: string, concurrency = 1): Request => ({
  ...{ uuid, concurrency, owner: 'tester', ttl: 30, handoffAllowed: true },
  ...{ holderLease: '1', ticketLease: '2' },
})

function read(): Snapshot {
  return readSnapshot(key, etcd.run({ compare: [], success: snapshotReads(key), failure: [] }).result)
}

/** Takes the lock, or a ticket, from this. */
const take = (uuid: string, from = emptySnapshot(key), concurrency = 1): ReturnType<KeySpace['run']> =>
  etcd.run(grant(from, request(uuid, concurrency), now).transaction)

/** Whether it makes etcd pass all holder keys that ever stood. */
const looksAtAll = ({ compare }: Transaction): boolean =>
  compare.some(({ key: path, end }) => path === key.holders.key && end !== undefined)

const handOver = (from: Snapshot, uuid: string) =>
  compose(from, { releases: [uuid], joins: [], mostSuccessors: 1, isLocal: () => false }, now)

describe('A hand-over does not look at the holder keys that ever stood, but relies on the KeyLocks, when it is made', () => {
  beforeEach(() => {
    for (const uuid of ['a', 'b', 'c']) take(uuid)
  })

  it('from what was read', () => {
    expect(looksAtAll(handOver(read(), 'a').transaction)).toBe(false)
  })

  it('from what a hand-over before has left', () => {
    const before = read()
    const composition = handOver(before, 'a')
    const after = applyComposition(before, composition, etcd.run(composition.transaction).result)
    const next = handOver(after, 'b')
    expect(next.successors).toStrictEqual(['c'])
    expect(looksAtAll(next.transaction)).toBe(false)
    expect(etcd.run(next.transaction).result.succeeded).toBe(true)
  })

  it('from what the holder key tells', () => {
    etcd.run(handOver(read(), 'a').transaction)
    const told = heldSnapshot(key, read().holders.get('b')!)!
    const next = handOver(told, 'b')
    expect(next.successors).toStrictEqual(['c'])
    expect(looksAtAll(next.transaction)).toBe(false)
    expect(etcd.run(next.transaction).result.succeeded).toBe(true)
  })
})

describe('The holder keys are looked at when a transaction is made', () => {
  it('without a KeyLocks: one may have come, and been deleted by hand', () => {
    const before = read()
    take('a')
    etcd.run({ compare: [], success: [{ type: 'delete', key: key.path }], failure: [] })
    expect(take('b', before).result.succeeded).toBe(false)
  })

  it('from what the last holder has left', () => {
    take('a')
    const before = read()
    const composition = handOver(before, 'a')
    const after = applyComposition(before, composition, etcd.run(composition.transaction).result)
    take('b')
    etcd.run({ compare: [], success: [{ type: 'delete', key: key.path }], failure: [] })
    expect(take('c', after).result.succeeded).toBe(false)
  })

  it('from a KeyLocks that a watch has told of: that of the holders may be late', () => {
    take('a', read(), 0)
    const before = read()
    const [keyLocks] = take('b', before, 0).events.filter(
      (event: KeyEvent) => event.type === 'put' && event.kv.key === key.path,
    )
    // The entry of b looks dead: it would be dropped.
    expect(take('c', applyEvent(before, keyLocks!), 0).result.succeeded).toBe(false)
  })

  it('from what a transaction has left that was compared with more of them than are known', () => {
    const [keyLocks, holder] = take('a', read(), 0).events
    const one = applyEvent(emptySnapshot(key), keyLocks!)
    const { transaction } = grant(applyEvent(one, holder!), request('b', 0), now)
    const after = applyResult(one, transaction, etcd.run(transaction).result)
    expect([...after.holders.keys()]).toStrictEqual(['b'])
    expect(looksAtAll(grant(after, request('c', 0), now).transaction)).toBe(true)
  })

  it('from what a transaction has left that another snapshot was made for, which knew of more', () => {
    take('a', read(), 0)
    const one = read()
    take('b', one, 0)
    const { transaction } = grant(read(), request('c', 0), now)
    const after = applyResult(one, transaction, etcd.run(transaction).result)
    expect([...after.holders.keys()]).toStrictEqual(['a', 'c'])
    expect(looksAtAll(grant(after, request('d', 0), now).transaction)).toBe(true)
  })
})

it('What is known after a grant has all holders that the grant knew of, whatever was read before it and answered late', () => {
  const CONCURRENCY = 3
  take('f', undefined, CONCURRENCY)
  const first = read()
  etcd.run({ compare: [], success: [{ type: 'put', key: key.ticket('later'), value: '{}' }], failure: [] })
  const late = read()
  const heard = { ...first, holders: new Map(first.holders).set('h', first.holders.get('f')!) }
  const { transaction } = grant(heard, request('w', CONCURRENCY), now)
  const revision = late.revision + 9n
  const result = { succeeded: true, revision, results: transaction.success.map(() => []) }
  const after = applyResult(withQueueOf(late, heard, revision), transaction, result)
  expect([...after.holders.keys()]).toStrictEqual(['f', 'h', 'w'])
  expect([...after.tickets.keys()]).toStrictEqual(['later'])
})
