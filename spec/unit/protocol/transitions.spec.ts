import { beforeEach, describe, expect, it } from '@jest/globals'
import type { KeyEvent, WatchedRange } from '../../../lib/kv/key-value.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { decide, watchedBy } from '../../../lib/protocol/decide.js'
import { extend } from '../../../lib/protocol/extend.js'
import { giveUp } from '../../../lib/protocol/give-up.js'
import { grant } from '../../../lib/protocol/grant.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { release } from '../../../lib/protocol/release.js'
import type { Request } from '../../../lib/protocol/request.js'
import {
  applyEvent,
  emptySnapshot,
  keyLocksOf,
  readSnapshot,
  type Snapshot,
  snapshotReads,
} from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'

const key = new LockKey('custom', 'name')
const now = Timestamp.parse('2023-07-16 16:46:52')
const ttl = 60
let keySpace: KeySpace

beforeEach(() => {
  keySpace = new KeySpace(() => true)
})

function request(uuid: string, concurrency: number): Request {
  return {
    uuid,
    owner: 'tester',
    concurrency,
    ttl,
    holderLease: `holder ${uuid}`,
    ticketLease: `ticket ${uuid}`,
    handoffAllowed: true,
  }
}

function read(): Snapshot {
  const reads = { compare: [], success: snapshotReads(key), failure: [] }
  return readSnapshot(key, keySpace.run(reads).result)
}

const run = (transaction: Transaction): boolean => keySpace.run(transaction).result.succeeded
const put = (at: string, value: string): boolean =>
  run({ compare: [], success: [{ type: 'put', key: at, value }], failure: [] })
const remove = (at: string): boolean =>
  run({ compare: [], success: [{ type: 'delete', key: at }], failure: [] })
const ids = (keys: ReadonlyMap<string, unknown>): string[] => [...keys.keys()]

/** Asks as a client that knows nothing: takes the lock or a ticket. */
function ask(uuid: string, concurrency: number): boolean {
  return run(grant(emptySnapshot(key), request(uuid, concurrency), now).transaction)
}

/** Takes a free place from what is true. */
function join(uuid: string, concurrency: number): boolean {
  return run(grant(read(), request(uuid, concurrency), now).transaction)
}

/** Entries as software that knows only the JSON would write them: without holder keys. */
function writeByHand(...createds: Timestamp[]): void {
  const entries = createds.map((created, index) => {
    const dict = { concurrency: createds.length, created: String(created), owner: 'hand', ttl }
    return [`hand-${index}`, dict] as const
  })
  put(key.path, JSON.stringify(Object.fromEntries(entries)))
}

describe('decide', () => {
  it('grants what is free, and knows what it has', () => {
    expect(decide(read(), request('a', 1), now)).toEqual({ kind: 'grant' })
    ask('a', 1)
    expect(decide(read(), request('a', 1), now)).toEqual({ kind: 'held' })
  })

  it('blocks one without a ticket while the limits or a queue stand in its way', () => {
    ask('a', 2)
    expect(decide(read(), request('b', 1), now)).toEqual({ kind: 'blocked' })
    expect(decide(read(), request('b', 2), now)).toEqual({ kind: 'grant' })
    ask('c', 1)
    expect(decide(read(), request('b', 2), now)).toEqual({ kind: 'blocked' })
  })

  it('lets one with a ticket wait, and only the first be granted', () => {
    ask('a', 1)
    ask('b', 1)
    ask('c', 0)
    expect(decide(read(), request('b', 1), now)).toEqual({ kind: 'wait', place: 1, until: undefined })
    expect(decide(read(), request('c', 0), now)).toEqual({ kind: 'wait', place: 2, until: undefined })
    run(release(read(), 'a', now)!.transaction)
    expect(decide(read(), request('b', 1), now)).toEqual({ kind: 'grant' })
    expect(decide(read(), request('c', 0), now)).toEqual({ kind: 'wait', place: 2, until: undefined })
  })

  it('lets the first wait until the earliest end of an entry that no holder key tells of', () => {
    writeByHand(now, now.plusSeconds(-10), now.plusSeconds(-5))
    ask('a', 1)
    const step = decide(read(), request('a', 1), now)
    expect(step).toEqual({ kind: 'wait', place: 1, until: now.plusSeconds(ttl - 10) })
  })

  it('does not wait for the end of one whose holder key stands', () => {
    ask('a', 1)
    ask('b', 1)
    const late = now.plusSeconds(10 * ttl)
    expect(decide(read(), request('b', 1), late)).toEqual({ kind: 'wait', place: 1, until: undefined })
    remove(key.holder('a'))
    expect(decide(read(), request('b', 1), late)).toEqual({ kind: 'grant' })
  })
})

describe('an entry that came with a holder key', () => {
  const [gone, stays] = ['a', 'b'].map(digit => `0000000${digit}-0000-8000-8000-000000000000`) as [
    string,
    string,
  ]
  beforeEach(() => {
    join(gone, 2)
    join(stays, 2)
  })

  it('is in the way of nobody once that is gone, however young', () => {
    ask('c', 2)
    expect(decide(read(), request('c', 2), now)).toEqual({ kind: 'wait', place: 1, until: undefined })
    remove(key.holder(gone))
    expect(decide(read(), request('c', 2), now)).toEqual({ kind: 'grant' })
    const { transaction, expired } = grant(read(), request('c', 2), now)
    expect(expired.map(({ uuid }) => uuid)).toEqual([gone])
    expect(run(transaction)).toBe(true)
    expect(ids(keyLocksOf(read()).locks)).toEqual([stays, 'c'])
  })

  it('is not waited for by one whom another keeps waiting', () => {
    ask('c', 1)
    remove(key.holder(gone))
    expect(decide(read(), request('c', 1), now)).toEqual({ kind: 'wait', place: 1, until: undefined })
  })

  it('is dropped by a release, which hands over in its place', () => {
    run(grant(emptySnapshot(key), { ...request('c', 1), holderLease: '7' }, now).transaction)
    remove(key.holder(gone))
    const plan = release(read(), stays, now)!
    expect(plan.expired.map(({ uuid }) => uuid)).toEqual([gone])
    expect(run(plan.transaction)).toBe(true)
    expect(ids(read().holders)).toEqual(['c'])
  })

  it('is its owner’s to clear away', () => {
    remove(key.holder(gone))
    expect(decide(read(), request(gone, 2), now)).toEqual({ kind: 'lost' })
  })

  describe('that is seen before its holder key', () => {
    let half: Snapshot
    beforeEach(() => {
      const truth = read()
      const keyLocks: KeyEvent = { type: 'put', kv: truth.keyLocks! }
      half = applyEvent(
        { ...truth, holders: new Map([...truth.holders].filter(([id]) => id !== stays)) },
        keyLocks,
      )
    })

    it('looks dead, and no grant drops it', () => {
      expect(decide(half, request('c', 2), now)).toEqual({ kind: 'grant' })
      expect(run(grant(half, request('c', 2), now).transaction)).toBe(false)
      expect(ids(read().holders)).toEqual([gone, stays])
    })

    it('is dropped by no release', () => {
      expect(run(release(half, gone, now)!.transaction)).toBe(false)
      expect(ids(keyLocksOf(read()).locks)).toEqual([gone, stays])
    })
  })
})

describe('watchedBy', () => {
  it('is the holders for the first, the one ahead for the others, and who sends one away for all', () => {
    for (const uuid of ['a', 'b', 'c', 'd']) ask(uuid, 1)
    const [putsOnly, ahead] = [true, (uuid: string) => ({ key: key.ticket(uuid) })]
    const marker = (uuid: string): WatchedRange => ({ key: key.forced(uuid), putsOnly })
    const own = (uuid: string): WatchedRange => ({ key: key.holder(uuid), putsOnly })
    expect(watchedBy(read(), 'b')).toEqual([{ key: key.path }, key.holders, marker('b')])
    expect(watchedBy(read(), 'c')).toEqual([own('c'), ahead('b'), marker('c')])
    expect(watchedBy(read(), 'd')).toEqual([own('d'), ahead('c'), marker('d')])
  })
})

describe('grant', () => {
  it('from a wrong guess takes a ticket, and none without a lease for it', () => {
    ask('a', 1)
    expect(ask('b', 1)).toBe(false)
    expect(ids(read().tickets)).toEqual(['b'])
    const { transaction } = grant(emptySnapshot(key), { ...request('c', 1), ticketLease: undefined }, now)
    expect(run(transaction)).toBe(false)
    expect(ids(read().tickets)).toEqual(['b'])
  })

  it('drops the dead and returns them', () => {
    writeByHand(now.plusSeconds(-ttl - 1))
    const { transaction, expired } = grant(read(), request('a', 1), now)
    expect(expired.map(({ uuid }) => uuid)).toEqual(['hand-0'])
    expect(run(transaction)).toBe(true)
    expect(ids(keyLocksOf(read()).locks)).toEqual(['a'])
  })

  it('does not pass an older ticket that the snapshot does not show', () => {
    ask('a', 1)
    ask('b', 1)
    ask('c', 1)
    run(release(read(), 'a', now)!.transaction)
    const truth = read()
    const tickets = new Map([...truth.tickets].filter(([id]) => id !== 'b'))
    expect(run(grant({ ...truth, tickets }, request('c', 1), now).transaction)).toBe(false)
    expect(ids(read().tickets)).toEqual(['b', 'c'])
    expect(ids(read().holders)).toEqual([])
  })

  it('is refused once the own ticket is gone', () => {
    ask('a', 1)
    ask('b', 1)
    ask('c', 1)
    run(release(read(), 'a', now)!.transaction)
    const { transaction } = grant(read(), request('b', 1), now)
    remove(key.ticket('b'))
    expect(run(transaction)).toBe(false)
    expect(ids(read().holders)).toEqual([])
  })
})

describe('release', () => {
  it('drops the dead of others too, and returns them', () => {
    join('a', 0)
    join('b', 0)
    remove(key.holder('b'))
    const plan = release(read(), 'a', now.plusSeconds(ttl + 1))!
    expect(plan.released?.uuid).toBe('a')
    expect(plan.expired.map(({ uuid }) => uuid)).toEqual(['b'])
    run(plan.transaction)
    expect(read()).toMatchObject({ keyLocks: undefined, holders: new Map() })
  })

  it('leaves those who hold, and those whose time is not over', () => {
    for (const uuid of ['a', 'b', 'c']) join(uuid, 0)
    remove(key.holder('b'))
    const plan = release(read(), 'a', now)!
    expect(plan.expired).toEqual([])
    run(plan.transaction)
    expect(ids(keyLocksOf(read()).locks)).toEqual(['b', 'c'])
    expect(ids(read().holders)).toEqual(['c'])
  })

  it('takes away a holder key whose entry was deleted by hand', () => {
    ask('a', 1)
    remove(key.path)
    const plan = release(read(), 'a', now)!
    expect(plan.released).toBeUndefined()
    run(plan.transaction)
    expect(ids(read().holders)).toEqual([])
  })

  it('takes away an entry that was written by hand', () => {
    writeByHand(now)
    run(release(read(), 'hand-0', now)!.transaction)
    expect(read().keyLocks).toBeUndefined()
  })

  it('has nothing to do for an id that does not hold', () => {
    ask('a', 1)
    ask('b', 1)
    expect(release(read(), 'b', now)).toBeUndefined()
  })
})

describe('giveUp', () => {
  it('has nothing to do for one without a ticket', () => {
    ask('a', 1)
    expect(giveUp(read(), 'a')).toBeUndefined()
  })

  it('fails when the ticket is gone, and tells what was granted', () => {
    ask('a', 1)
    ask('b', 1)
    const leaving = giveUp(read(), 'b')!
    run(release(read(), 'a', now)!.transaction)
    join('b', 1)
    const { result } = keySpace.run(leaving)
    expect(result.succeeded).toBe(false)
    expect(ids(readSnapshot(key, result).holders)).toEqual(['b'])
  })

  it('takes no ticket that was taken anew', () => {
    ask('a', 1)
    ask('b', 1)
    const late = giveUp(read(), 'b')!
    keySpace.run(late)
    ask('b', 1)
    expect(keySpace.run(late).result.succeeded).toBe(false)
    expect(ids(read().tickets)).toEqual(['b'])
  })
})

describe('extend', () => {
  it('has nothing to do for one whose entry or holder key is gone', () => {
    const extension = { uuid: 'a', ttl: 120, lease: 'longer' }
    join('a', 0)
    join('b', 0)
    expect(extend(read(), { ...extension, uuid: 'c' }, now)).toBeUndefined()
    remove(key.holder('a'))
    expect(extend(read(), extension, now)).toBeUndefined()
    remove(key.path)
    expect(extend(read(), { ...extension, uuid: 'b' }, now)).toBeUndefined()
  })

  it('renews created and ttl in both keys, and keeps place and token', () => {
    join('a', 0)
    join('b', 0)
    const later = now.plusSeconds(30)
    run(extend(read(), { uuid: 'a', ttl: 120, lease: 'longer' }, later)!)
    const terms = { concurrency: 0, created: '2023-07-16 16:47:22+00:00', owner: 'tester', ttl: 120 }
    const { locks } = keyLocksOf(read())
    expect(ids(locks)).toEqual(['a', 'b'])
    expect(locks.get('a')!.toDict()).toEqual(terms)
    const holder = read().holders.get('a')!
    expect(JSON.parse(holder.value)).toEqual({ ...terms, since: String(now) })
    const again = { uuid: 'a', ttl: 60, lease: 'last' }
    run(extend(read(), again, later.plusSeconds(30))!)
    expect(JSON.parse(read().holders.get('a')!.value)).toMatchObject({ since: String(now) })
    expect(holder).toMatchObject({ lease: 'longer', createRevision: 2n })
  })
})

describe('applyEvent', () => {
  it('of every change brings what a read brings', () => {
    let followed = read()
    const follow = (transaction: Transaction): void => {
      for (const event of keySpace.run(transaction).events) followed = applyEvent(followed, event)
      const { knowsHolders } = followed
      expect({ ...followed, revision: 0n }).toEqual({ ...read(), revision: 0n, knowsHolders })
    }
    follow(grant(emptySnapshot(key), request('a', 1), now).transaction)
    follow(grant(emptySnapshot(key), request('b', 1), now).transaction)
    follow(extend(read(), { uuid: 'a', ttl: 120, lease: 'longer' }, now)!)
    follow(release(read(), 'a', now)!.transaction)
    follow(grant(read(), request('b', 1), now).transaction)
    follow({ compare: [], success: [{ type: 'put', key: `${key.path}2`, value: '' }], failure: [] })
    follow(release(read(), 'b', now)!.transaction)
  })
})
