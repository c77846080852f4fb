import { describe, expect, it } from '@jest/globals'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { KeyLocks } from '../../../lib/model/key-locks.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { compose, type Join } from '../../../lib/protocol/compose.js'
import { decide } from '../../../lib/protocol/decide.js'
import { idIn, LockKey } from '../../../lib/protocol/lock-key.js'
import { applyEvent, readSnapshot, type Snapshot, withTicket } from '../../../lib/protocol/snapshot.js'
import { formatTerms } from '../../../lib/protocol/terms.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')
/** Two ids of one process and one slot: the second was made when the first had been given up for ten minutes. */
const [first, second] = ['000001abcdef', '000002abcdef'].map(end => `0a1b2c3d-4e5f-8000-8007-${end}`) as [
  string,
  string,
]
const other = '1a1b2c3d-4e5f-8000-8007-000001abcdef'

const lock = (uuid: string): ConcurrentLock =>
  ConcurrentLock.fromDict(uuid, { concurrency: 3, created: String(now), owner: 'tester', ttl: 60 })
const kv = (path: string, value: string, revision = 5n, lease = '7'): KeyValue => {
  return { key: path, value, createRevision: revision, modRevision: revision, lease }
}
const holder = (uuid: string) => kv(key.holder(uuid), formatTerms(lock(uuid)))
const ticket = (uuid: string, revision = 6n) =>
  kv(key.ticket(uuid), formatTerms(lock(uuid), { lease: '8' }), revision)

function seen(holders: readonly string[], tickets: readonly KeyValue[] = []): Snapshot {
  const keyLocks = kv(key.path, new KeyLocks(key.path, holders.map(lock)).toJson())
  return readSnapshot(key, {
    succeeded: true,
    revision: 9n,
    results: [[keyLocks], holders.map(holder), tickets],
  })
}

function join(uuid: string): Join {
  const leases = { holderLease: '11', ticketLease: '12', handoffAllowed: true }
  return {
    request: { uuid, owner: 'tester', concurrency: 3, ttl: 30, ...leases },
    created: now,
    extraOps: [],
  }
}

const wanted = { releases: [], joins: [], mostSuccessors: 3, isLocal: () => false }

describe('A holder key or a ticket', () => {
  it('ends with the slot of its id, and says in its value whose it is', () => {
    expect(key.holder(second)).toBe(key.holder(first))
    expect(holder(first).key).toMatch(/\/0a1b2c3d-4e5f-8000-8007$/)
    expect([idIn(holder(first)), idIn(ticket(second))]).toEqual([first, second])
  })

  it.each([
    ['that says nothing', '{}'],
    ['that says what is not so', JSON.stringify({ id: other })],
    ['that is cut off', `{"id":"${first.slice(0, 30)}`],
    ['that says it elsewhere', JSON.stringify({ owner: 'x', id: first })],
  ])('%s belongs to nobody who is known', (_, value) => {
    expect(idIn({ key: key.holder(first), value })).toBe('0a1b2c3d-4e5f-8000-8007')
  })

  it('of an id that was made elsewhere ends with all of it', () => {
    const id = '2d6ad6e3-6b5a-4a0a-9d27-4a3a9f5b1c2d'
    expect(key.holder(id)).toBe(key.holders.key + id)
    expect(idIn({ key: key.holder(id), value: formatTerms(lock(id)) })).toBe(id)
    expect(formatTerms(lock(id))).not.toContain(id)
  })
})

describe('Where the key of a new holding still stands under another id', () => {
  it('it waits for the end of that, though the limits would let it in', () => {
    expect(decide(seen([first]), { uuid: second, concurrency: 3 }, now)).toEqual({ kind: 'blocked' })
    expect(decide(seen([first]), { uuid: other, concurrency: 3 }, now)).toEqual({ kind: 'grant' })
    const { granted, transaction } = compose(seen([first]), { ...wanted, joins: [join(second)] }, now)
    expect(granted).toEqual([])
    expect(transaction.success.some(op => op.type === 'put' && op.key === key.holder(second))).toBe(false)
  })

  it('no release hands the lock over to it, nor to those behind it', () => {
    const snapshot = seen([first, other], [ticket(second)])
    expect(compose(snapshot, { ...wanted, releases: [other] }, now).successors).toEqual([])
    const free = seen([other], [ticket(second)])
    expect(compose(free, { ...wanted, releases: [other] }, now).successors).toEqual([second])
  })

  it('the release of an id without a holder key deletes no key of another', () => {
    const entries = kv(key.path, new KeyLocks(key.path, [lock(first), lock(second)]).toJson())
    const results = [[entries], [holder(second)], []]
    const snapshot = readSnapshot(key, { succeeded: true, revision: 9n, results })
    const { released, transaction } = compose(snapshot, { ...wanted, releases: [first] }, now)
    expect(released.map(({ uuid }) => uuid)).toEqual([first])
    expect(transaction.success.filter(({ type }) => type === 'delete')).toEqual([])
  })
})

describe('What a snapshot hears of a key', () => {
  it('that is gone concerns whoever it belonged to', () => {
    const event = { type: 'delete', key: key.holder(first), modRevision: 10n } as const
    expect([...applyEvent(seen([first, other]), event).holders.keys()]).toEqual([other])
  })

  it('that is another’s now takes the one before away', () => {
    const event = { type: 'put', kv: { ...holder(second), modRevision: 11n, createRevision: 11n } } as const
    const { holders } = applyEvent(seen([first]), event)
    expect([...holders].map(([id, { createRevision }]) => [id, createRevision])).toEqual([[second, 11n]])
  })

  it('of its own ticket, which somebody has overwritten, leaves that at its place', () => {
    const snapshot = seen([], [kv(key.ticket(first), 'junk'), ticket(other, 8n)])
    expect([...withTicket(snapshot, first, kv(key.ticket(first), 'junk')).tickets.keys()]).toEqual([
      first,
      other,
    ])
  })
})
