import type { KeyValue } from '../../../lib/kv/key-value.js'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { grant } from '../../../lib/protocol/grant.js'
import { heldSnapshot } from '../../../lib/protocol/held-snapshot.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { parseTold, toldTickets } from '../../../lib/protocol/queue.js'
import {
  applyResult,
  emptySnapshot,
  keyLocksOf,
  readSnapshot,
  type Snapshot,
  snapshotReads,
} from '../../../lib/protocol/snapshot.js'
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

describe('Of the queue behind it, a process that is handed the lock knows', () => {
  const known = (queue: readonly KeyValue[], seen: readonly KeyValue[], holder = 'h'): string[] => {
    const value = formatTerms(lock(holder), { queue: toldTickets(queue) })
    const tickets = new Map(seen.map(each => [each.key.slice(key.tickets.key.length), each]))
    const before: Snapshot = { ...emptySnapshot(key), tickets, isWhole: false }
    return [...heldSnapshot(key, kv(key.holder(holder), value, 50n), before)!.tickets.keys()]
  }
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((uuid, at) => ticket(uuid, BigInt(9 + at))) as [
    KeyValue,
    KeyValue,
    KeyValue,
    KeyValue,
  ]

  it('what the holder key tells, and what it has seen itself behind that', () => {
    expect(known([b, c], [a, b, d])).toEqual(['b', 'c', 'd'])
  })

  it('what it has seen behind its own ticket, where the holder key tells nothing', () => {
    expect(known([], [a, ticket('h', 10n), c, d])).toEqual(['c', 'd'])
  })

  it('no more, where somebody whom the holder key tells of has left, and come again', () => {
    const again = ticket('a', 20n)
    expect(known([a, b], [b, again])).toEqual(['a', 'b'])
    expect(known([a, b], [b, c, again, ticket('d', 21n)])).toEqual(['a', 'b', 'c'])
  })

  it('nothing, where it has not seen its own ticket either', () => {
    expect(known([], [c, d])).toEqual([])
  })

  it('those whose tickets one transaction has put in the order of their ids', () => {
    const [e, f, g] = ['e', 'f', 'g'].map(uuid => ticket(uuid, 20n)) as [KeyValue, KeyValue, KeyValue]
    expect(known([d, e], [e, f, g])).toEqual(['d', 'e', 'f', 'g'])
  })

  it('none without those that stand before it', () => {
    const most = 12
    const history = fc.record({
      // Some tickets are put in one transaction.
      gaps: fc.array(fc.nat({ max: 2 }), { minLength: most, maxLength: most }),
      stays: fc.array(fc.nat({ max: 40 }), { minLength: most, maxLength: most }),
      holder: fc.nat({ max: most - 1 }),
      toldAt: fc.nat({ max: 30 }),
      seenAt: fc.nat({ max: 30 }),
      later: fc.nat({ max: 10 }),
      told: fc.nat({ max: 4 }),
      seen: fc.nat({ max: 4 }),
    })
    fc.assert(
      fc.property(history, ({ gaps, stays, holder, toldAt, seenAt, later, told, seen }) => {
        let at = 1
        const comes = gaps.map(gap => (at += gap))
        const grantedAt = Math.max(toldAt, seenAt, comes[holder]!) + 1
        // The lock was handed to all before the holder, if they did not go.
        const goes = comes.map((come, index) => {
          if (index === holder) return grantedAt
          const end = come + 1 + stays[index]!
          return index < holder ? Math.min(end, grantedAt) : end
        })
        const standing = (time: number): number[] =>
          [...comes.keys()].filter(index => comes[index]! <= time && time < goes[index]!)
        const idOf = (index: number): string => String(index).padStart(2, '0')
        const ticketOf = (index: number): KeyValue => ticket(idOf(index), BigInt(comes[index]!))
        const queue = standing(toldAt).filter(index => index > holder)
        const ids = known(
          queue.slice(0, told).map(ticketOf),
          standing(seenAt).slice(0, seen).map(ticketOf),
          idOf(holder),
        )
        const truth = standing(grantedAt + later)
          .filter(index => index > holder)
          .map(idOf)
        const left = ids.filter(id => truth.includes(id))
        expect(left).toEqual(truth.slice(0, left.length))
      }),
      { numRuns: 2000 },
    )
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
