import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Op } from '../../../lib/kv/transaction.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { grant } from '../../../lib/protocol/grant.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MAX_TXN_OPS } from '../../../lib/protocol/lock-set.js'
import { sweep } from '../../../lib/protocol/orphans.js'
import { applyResult, emptySnapshot, readSnapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')

let etcd: KeySpace
beforeEach(() => {
  etcd = new KeySpace(() => true)
})

const run = (success: readonly Op[]) => etcd.run({ compare: [], success, failure: [] })
const read = () => readSnapshot(key, run(snapshotReads(key)).result)
const holders = (): string[] => [...read().holders.keys()]
const deleteByHand = () => run([{ type: 'delete', key: key.path }])
const grantTo = (uuid: string, from = emptySnapshot(key)) => {
  const terms = { uuid, owner: 'tester', concurrency: 0, ttl: 30, handoffAllowed: true }
  return grant(from, { ...terms, holderLease: '1', ticketLease: '2' }, now).transaction
}
const take = (uuid: string, from = emptySnapshot(key)) => etcd.run(grantTo(uuid, from))
/** Of one that cannot be granted at once. */
const sweepOf = (from: ReturnType<typeof read>) => {
  const { failure, ...granted } = grantTo('new', from)
  const success = Array.from({ length: MAX_TXN_OPS + 1 }, () => granted.success[0]!)
  return sweep([from], [{ ...granted, success, failure }])?.[0]
}

describe('Orphans that are too many for a grant', () => {
  it('are deleted before it, and known to be gone', () => {
    take('a')
    deleteByHand()
    take('b', read())
    run([{ type: 'put', key: key.holder('z'), value: '{}' }])
    const before = read()
    const transaction = sweepOf(before)!
    const { result } = etcd.run(transaction)
    expect([result.succeeded, holders()]).toStrictEqual([true, ['b']])
    expect([...applyResult(before, transaction, result).holders.keys()]).toStrictEqual(['b'])
    expect(sweepOf(read())).toBeUndefined()
  })

  it('are none where a grant has come of which only the holder key was seen', () => {
    const before = read()
    take('a', before)
    const half = { ...before, holders: read().holders }
    expect(etcd.run(sweepOf(half)!).result.succeeded).toBe(false)
    expect(holders()).toStrictEqual(['a'])
  })

  it('are none of those whose entry was seen before its holder key', () => {
    take('b')
    run([{ type: 'put', key: key.holder('z'), value: '{}' }])
    const whole = read()
    const half = { ...whole, holders: new Map([...whole.holders].filter(([id]) => id === 'z')) }
    expect(etcd.run(sweepOf(half)!).result.succeeded).toBe(true)
    expect(holders()).toStrictEqual(['b'])
  })

  it('are left where the grant has room for them', () => {
    run([{ type: 'put', key: key.holder('z'), value: '{}' }])
    const from = read()
    expect(sweep([from], [grantTo('new', from)])).toBeUndefined()
  })
})
