import { expect, it } from '@jest/globals'
import { type Op, unconditionally } from '../../../lib/kv/transaction.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { extend } from '../../../lib/protocol/extend.js'
import { grant } from '../../../lib/protocol/grant.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { scopeOf } from '../../../lib/protocol/scope.js'
import { applyResult, emptySnapshot } from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const [a, b] = [new LockKey('custom', 'a'), new LockKey('modules', 'b')]
const uuid = '4734a179-0062-436d-a9d5-4cf0c24a12d7'
const record: Op = { type: 'put', key: LockKey.record(uuid), value: '{}' }
const now = Timestamp.parse('2023-07-16 16:46:52')

it('The scope of transactions is the paths of their locks', () => {
  expect(scopeOf([a, b], [unconditionally({ type: 'delete', key: a.ticket(uuid) })])).toEqual([
    a.path,
    b.path,
  ])
})

it('The scope of a transaction has the record of an id that is written with a lock, or read', () => {
  const request = { uuid, owner: 'me', concurrency: 1, ttl: 60, holderLease: '1', ticketLease: '2' }
  const { transaction } = grant(emptySnapshot(a), { ...request, handoffAllowed: false }, now, {
    extraOps: [record],
  })
  expect(scopeOf([a], [transaction])).toEqual([a.path, record.key])
  const held = applyResult(emptySnapshot(a), transaction, new KeySpace(() => true).run(transaction).result)
  const extension = extend(held, { uuid, ttl: 90, lease: '3', extraOps: [record] }, now)!
  expect(scopeOf([a], [extension])).toEqual([a.path, record.key])
  const reading = unconditionally({ type: 'range', key: record.key })
  expect(scopeOf([a], [reading])).toEqual([a.path, record.key])
})
