import type { KeyValue } from '../../../lib/kv/key-value.js'
import { describe, expect, it } from '@jest/globals'
import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { grant } from '../../../lib/protocol/grant.js'
import { heldSnapshot } from '../../../lib/protocol/held-snapshot.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { parseTold, toldTickets } from '../../../lib/protocol/queue.js'
import { applyResult, keyLocksOf, readSnapshot, snapshotReads } from '../../../lib/protocol/snapshot.js'
import { formatTerms } from '../../../lib/protocol/terms.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const key = new LockKey('custom', 'name')
const created = Timestamp.parse('2023-07-16 16:46:52')
const lock = (uuid: string, concurrency = 1): ConcurrentLock =>
  ConcurrentLock.toWrite(uuid, { concurrency, created, owner: 'töster', ttl: 30 })
const kv = (path: string, value: string, revision: bigint) => ({
  key: path,
  value,
  createRevision: revision,
  modRevision: revision,
  lease: '7',
})
const ticket = (
  uuid: string,
  revision: bigint,
  value = formatTerms(lock(uuid), { lease: '8', renewed: true }),
) => kv(key.ticket(uuid), value, revision)

describe('The tickets of which a holder key tells', () => {
  it('are read as they were written', () => {
    const queue = [ticket('b', 9n), ticket('a', 9_007_199_254_740_993n)]
    const told = parseTold(key, JSON.parse(JSON.stringify(toldTickets(queue))))
    expect([...told.keys()]).toEqual(['b', 'a'])
    for (const { key: path, value, createRevision } of queue) {
      expect([...told.values()]).toContainEqual(expect.objectContaining({ key: path, value, createRevision }))
    }
  })

  it('are the oldest sixteen', () => {
    const queue = Array.from({ length: 40 }, (_, at) => ticket(`id${at}`, BigInt(at + 1)))
    expect(toldTickets(queue).map(([uuid]) => uuid)).toEqual(queue.slice(0, 16).map((_, at) => `id${at}`))
  })

  it('end before the first whose terms cannot be read: nobody is passed', () => {
    expect(
      toldTickets([ticket('a', 1n), ticket('b', 2n, 'x'), ticket('c', 3n)]).map(([uuid]) => uuid),
    ).toEqual(['a'])
  })

  it.each([
    undefined,
    null,
    7,
    'text',
    {},
    [7],
    [[]],
    [['a']],
    [['a', 5, {}]],
    [['a', '0', {}]],
    [['a', '-1', {}]],
    [['a', '1e3', {}]],
    [[7, '5', {}]],
  ])('are none where it says %j', told => {
    expect(parseTold(key, told).size).toBe(0)
  })

  it('end before what is none', () => {
    expect([
      ...parseTold(key, [
        ['a', '5', {}],
        ['b', 'x', {}],
        ['c', '7', {}],
      ]).keys(),
    ]).toEqual(['a'])
  })
})

describe('What the holder key of a sole holder tells', () => {
  const holder = (value: string) => kv(key.holder('a'), value, 5n)

  it('is the whole lock: its entry, which the same transaction has written', () => {
    const queue = toldTickets([ticket('b', 4n)])
    const told = heldSnapshot(key, holder(formatTerms(lock('a'), { queue })))!
    expect([...keyLocksOf(told).locks.values()].map(String)).toEqual([String(lock('a'))])
    expect(told).toMatchObject({ revision: 5n, isWhole: false, keyLocks: { modRevision: 5n, lease: '7' } })
    expect([...told.tickets.keys()]).toEqual(['b'])
  })

  it.each([
    ['of several holders', formatTerms(lock('a', 2))],
    ['of any number', formatTerms(lock('a', 0))],
    ['no terms', 'x'],
    ['no ttl', JSON.stringify({ ...lock('a').toDict(), ttl: 'x' })],
    ['no time', JSON.stringify({ ...lock('a').toDict(), created: 'x' })],
  ])('is nothing where it is %s', (_, value) => {
    expect(heldSnapshot(key, holder(value))).toBeUndefined()
  })
})

it('etcd gives tickets of one revision in any order, and all read them in that of their ids', () => {
  const results = [[], [], [ticket('c', 3n), ticket('b', 3n), ticket('x', 2n), ticket('a', 3n)]]
  const { tickets, isWhole } = readSnapshot(key, { succeeded: true, revision: 9n, results }, 5)
  expect([[...tickets.keys()], isWhole]).toEqual([['x', 'a', 'b', 'c'], true])
})

it('the last revision of a read that may have cut it is not known: others may stand between', () => {
  const read = (...kvs: KeyValue[]) =>
    readSnapshot(key, { succeeded: true, revision: 9n, results: [[], [], kvs] }, 3)
  const cut = read(ticket('x', 2n), ticket('c', 3n), ticket('b', 3n))
  expect([[...cut.tickets.keys()], cut.isWhole]).toEqual([['x'], false])
  expect([...read(ticket('x', 3n), ticket('c', 3n), ticket('b', 3n)).tickets.keys()]).toEqual(['b', 'c', 'x'])
})

it('a queue whose first takes the lock is not known to its end: others may have come behind it', () => {
  const etcd = new KeySpace(() => true)
  const put = (uuid: string): void => {
    const ticket = { type: 'put' as const, key: key.ticket(uuid), value: '{}', lease: '1' }
    etcd.run({ compare: [], success: [ticket], failure: [] })
  }
  put('a')
  const seen = readSnapshot(key, etcd.run({ compare: [], success: snapshotReads(key), failure: [] }).result)
  put('b')
  const leases = { holderLease: '2', ticketLease: '1', handoffAllowed: false }
  const request = { uuid: 'a', owner: 'tester', concurrency: 1, ttl: 30, ...leases }
  const { transaction } = grant(seen, request, created)
  const { result } = etcd.run(transaction)
  expect([seen.isWhole, result.succeeded, applyResult(seen, transaction, result).isWhole]).toEqual([
    true,
    true,
    false,
  ])
})
