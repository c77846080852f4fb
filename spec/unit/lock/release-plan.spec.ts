import { describe, expect, it } from '@jest/globals'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import {
  afterAnswer,
  isRefusedForGood,
  isReusable,
  nextStep,
  type PlannedRelease,
  planReleases,
  type ReleaseView,
} from '../../../lib/lock/release/release-plan.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { fitIntoOne, successorsOfEach } from '../../../lib/protocol/lock-set.js'
import { queueReads } from '../../../lib/protocol/queue.js'
import { MOST_BYTES } from '../../../lib/protocol/room.js'
import { emptySnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'

const now = Timestamp.now()
const free = (name: string, revision = 1n): Snapshot => ({
  ...emptySnapshot(new LockKey('custom', name)),
  revision,
})
/** Held by `us`, on this lease; its KeyLocks was written at this revision. */
const held = (name: string, lease = 'ours', modRevision = 5n): Snapshot => {
  const snapshot = free(name)
  const at = (key: string, value: string): KeyValue => ({
    key,
    value,
    lease,
    createRevision: 3n,
    modRevision,
  })
  const entry = { concurrency: 1, created: String(now), owner: 'us', ttl: 60 }
  return {
    ...snapshot,
    keyLocks: at(snapshot.key.path, JSON.stringify({ us: entry })),
    holders: new Map([['us', at(snapshot.key.holder('us'), JSON.stringify(entry))]]),
  }
}
const view = (more: Partial<ReleaseView> = {}): ReleaseView => ({
  snapshots: [held('a'), held('b')],
  source: 'etcd',
  mostSuccessors: 2,
  ...more,
})
const planned = (from: ReleaseView): PlannedRelease[] => planReleases(from, 'us', now)

describe('what is released', () => {
  it('is each lock that the view shows held', () => {
    const names = planned(view({ snapshots: [held('a'), free('b')] })).map(
      ({ snapshot }) => snapshot.key.name,
    )
    expect(names).toEqual(['a'])
  })

  it('is nothing that is on a lease of another process, when that is asked for', () => {
    const mixed = view({ snapshots: [held('a', 'theirs'), held('b')] })
    const ours = planReleases(mixed, 'us', now, lease => lease === 'ours')
    expect(ours.map(({ snapshot }) => snapshot.key.name)).toEqual(['b'])
  })
})

describe('the release of a lock where nobody seems to wait', () => {
  const reliesOnThat = ({ plan }: PlannedRelease): boolean =>
    plan.transaction.compare.some(
      ({ target, is, revision }) => target === 'create' && is === '=' && revision === 0n,
    )

  it('relies on that, so that a waiter who has come is found', () => {
    expect(planned(view()).map(reliesOnThat)).toStrictEqual([true, true])
  })

  it('reads who has come where a set of its process is about to', () => {
    const releases = planReleases(view(), 'us', now, undefined, ({ name }) => name === 'b')
    expect(releases.map(reliesOnThat)).toStrictEqual([true, false])
    expect(releases[1]!.plan.transaction.success.at(-1)).toMatchObject(queueReads(held('b').key).at(-1)!)
  })
})

describe('the release of many locks', () => {
  const waitedFor = (name: string, waiters: number): Snapshot => {
    const snapshot = held(name)
    const tickets = Array.from({ length: waiters }, (_, at): [string, KeyValue] => {
      const terms = { concurrency: 0, created: String(now), owner: 'reader', ttl: 60, lease: String(at + 1) }
      const revision = BigInt(at + 10)
      const ticket = { createRevision: revision, modRevision: revision, lease: 'ticket' }
      return [`r${at}`, { key: snapshot.key.ticket(`r${at}`), value: JSON.stringify(terms), ...ticket }]
    })
    return { ...snapshot, revision: 100n, tickets: new Map(tickets) }
  }

  it.each([
    { locks: 2, waiters: 30, successors: 30 },
    { locks: 3, waiters: 19, successors: 19 },
    { locks: 3, waiters: 20, successors: 20 },
    { locks: 4, waiters: 14, successors: 14 },
    { locks: 8, waiters: 6, successors: 6 },
    { locks: 20, waiters: 1, successors: 1 },
    { locks: 26, waiters: 1, successors: 1 },
    { locks: 26, waiters: 0, successors: 0 },
    { locks: 32, waiters: 0, successors: 0 },
  ])(
    'of $locks with $waiters readers waiting for each fits into one transaction, also while queues grow',
    ({ locks, waiters, successors }) => {
      const snapshots = Array.from({ length: locks }, (_, at) => waitedFor(String(at), waiters))
      const from = view({ snapshots, mostSuccessors: successorsOfEach(locks) })
      const theRecordAndAMarker = 2
      for (const isGrowing of [false, true]) {
        const releases = planReleases(from, 'us', now, undefined, () => isGrowing, theRecordAndAMarker)
        const transactions = releases.map(({ plan }) => plan.transaction)
        expect(releases).toHaveLength(locks)
        expect(fitIntoOne(transactions, theRecordAndAMarker)).toBe(true)
        const { success } = transactions[0]!
        const granted = success.filter(({ type, key }) => type === 'put' && key.includes('/r'))
        expect(granted.length).toBe(successors)
      }
    },
  )
})

it('the release of locks that others have filled takes as many as etcd takes in one request, and the others then', () => {
  const filled = (name: string, share: number): Snapshot => {
    const snapshot = held(name)
    const { us } = JSON.parse(snapshot.keyLocks!.value) as { us: object }
    const other = { ...us, owner: 'x'.repeat(share * MOST_BYTES - 300) }
    const value = JSON.stringify({ us, '4734a179-0062-436d-a9d5-4cf0c24a12d7': other })
    return { ...snapshot, keyLocks: { ...snapshot.keyLocks!, value } }
  }
  const namesOf = (snapshots: readonly Snapshot[]): string[] =>
    planned(view({ snapshots })).map(({ snapshot }) => snapshot.key.name)
  const [a, b, c] = [filled('a', 0.5), filled('b', 0.5), filled('c', 0.1)]
  expect(namesOf([a, b, c])).toStrictEqual(['a', 'b'])
  expect(namesOf([free('a'), b, c])).toStrictEqual(['b', 'c'])
  expect(namesOf([filled('a', 1.1), b])).toStrictEqual(['a'])
  const puts = (bytes: number) => ({
    ...{ compare: [], failure: [] },
    success: [{ type: 'put' as const, key: 'k', value: 'ö'.repeat(bytes / 2) }],
  })
  expect([620_000, 660_000].map(each => fitIntoOne([puts(each), puts(each)], 0))).toStrictEqual([true, false])
})

describe('the next step of a release', () => {
  it.each<[string, Partial<ReleaseView>, ReturnType<typeof nextStep>]>([
    ['reads when the cache does not show all locks held', { snapshots: [held('a'), free('b')] }, 'read'],
    ['sends what the cache shows held', {}, 'send'],
  ])('%s', (_, more, step) => {
    const from = view({ source: 'cache', ...more })
    expect(nextStep(from, planned(from).length)).toBe(step)
  })

  it.each<[string, Snapshot[], ReturnType<typeof nextStep>]>([
    ['sends what is left of it', [held('a'), free('b')], 'send'],
    ['stops when nothing is held', [free('a'), free('b')], 'stop'],
  ])('%s, as etcd says', (_, snapshots, step) => {
    const from = view({ snapshots })
    expect(nextStep(from, planned(from).length)).toBe(step)
  })
})

it('an answer of etcd is the truth of the locks that it was asked about', () => {
  const before = view({ snapshots: [free('a'), held('b')], source: 'cache' })
  const after = afterAnswer(before, planned(before), [free('b', 9n)])
  expect(after).toEqual({ ...before, snapshots: [before.snapshots[0], free('b', 9n)], source: 'etcd' })
})

describe('a release that etcd has refused since a lease was gone', () => {
  const bare = view({ mostSuccessors: 0 })

  it('is refused for good when it handed over to nobody and nothing has changed', () => {
    expect(isRefusedForGood(bare, bare.snapshots)).toBe(true)
  })

  it.each<[string, ReleaseView, Snapshot[]]>([
    ['it handed over to a waiter', view(), [held('a'), held('b')]],
    ['it was made from the cache', { ...bare, source: 'cache' }, [held('a'), held('b')]],
    ['a KeyLocks has changed since', bare, [held('a'), held('b', 'ours', 6n)]],
    ['a holder key has gone since', bare, [held('a'), { ...held('b'), holders: new Map() }]],
  ])('is tried again when %s', (_, before, after) => {
    expect(isRefusedForGood(before, after)).toBe(false)
  })
})

describe('a lease is used again', () => {
  const [released] = planned(view())

  it('when etcd has confirmed that the holder key was on it', () => {
    expect(isReusable('ours', released, 'us')).toBe(true)
  })

  it('and not when another process had moved the holding to another, or nothing was confirmed', () => {
    expect(isReusable('first', released, 'us')).toBe(false)
    expect(isReusable('ours', undefined, 'us')).toBe(false)
  })
})
