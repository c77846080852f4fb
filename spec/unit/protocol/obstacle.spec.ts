import { describe, expect, it } from '@jest/globals'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { KeyLocks } from '../../../lib/model/key-locks.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import type { TargetState } from '../../../lib/protocol/decide.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import {
  isFirstIn,
  obstacleOf,
  standsBy,
  stillStands,
  watchedByAll,
  watchedFor,
  younger,
} from '../../../lib/protocol/obstacle.js'
import { emptySnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'

const now = Timestamp.parse('2023-07-16 16:46:52')
const terms = { uuid: 'me', concurrency: 1 }
const kv = (key: string, revision: number, value = '{}'): KeyValue => ({
  key,
  value,
  lease: '7',
  createRevision: BigInt(revision),
  modRevision: BigInt(revision),
})

/** A lock that `holder` holds, if given, and these wait for, who came at these revisions. */
function lockOf(name: string, waiters: Record<string, number>, holder?: string, revision = 9): Snapshot {
  const key = new LockKey('custom', name)
  const lock =
    holder && ConcurrentLock.fromDict(holder, { concurrency: 1, created: String(now), owner: 'o', ttl: 60 })
  return {
    ...emptySnapshot(key),
    revision: BigInt(revision),
    keyLocks: lock ? kv(key.path, 2, new KeyLocks(key.path, [lock]).toJson()) : undefined,
    holders: new Map(holder ? [[holder, kv(key.holder(holder), 2)]] : []),
    tickets: new Map(Object.entries(waiters).map(([id, at]) => [id, kv(key.ticket(id), at)])),
  }
}
const targetsOf = (...snapshots: Snapshot[]): TargetState[] =>
  snapshots.map(snapshot => ({ snapshot, terms }))

const free = lockOf('free', { me: 5 })
const held = lockOf('held', { me: 5 }, 'holder')
const queued = lockOf('queued', { first: 3, second: 4, me: 5 }, 'holder')
const dismissals = (...snapshots: Snapshot[]) =>
  snapshots.map(({ key }) => ({ key: key.forced('me'), putsOnly: true }))

describe('What a set waits for first', () => {
  it('is nothing when all is free', () => {
    expect(obstacleOf(targetsOf(free, lockOf('too', { me: 5, later: 6 })), now)).toBeUndefined()
  })

  it('are the holders where it is the first, and their keys tell', () => {
    const obstacle = obstacleOf(targetsOf(free, held), now)
    expect(obstacle).toStrictEqual({ at: 1, ahead: undefined })
    expect(watchedFor(obstacle!, held)).toStrictEqual([{ key: held.key.path }, held.key.holders])
    expect(standsBy(obstacle!, held)).toStrictEqual(['holder'])
  })

  it('is the waiter before it where it is farthest back', () => {
    const obstacle = obstacleOf(targetsOf(held, queued, free), now)
    expect(obstacle).toStrictEqual({ at: 1, ahead: 'second' })
    expect(watchedFor(obstacle!, queued)).toStrictEqual([{ key: queued.key.ticket('second') }])
    expect(standsBy(obstacle!, queued)).toStrictEqual(['second'])
  })

  it('stands while the waiter before it does, whatever else changes', () => {
    const obstacle = { at: 0, ahead: 'second' }
    expect(stillStands(obstacle, queued, lockOf('queued', { second: 4, me: 5, last: 9 }))).toBe(true)
    expect(stillStands(obstacle, queued, lockOf('queued', { first: 3, me: 5 }, 'holder'))).toBe(false)
  })

  it('is gone when that waiter has come again, behind the request', () => {
    const again = lockOf('queued', { first: 3, me: 5, second: 7 }, 'holder')
    expect(stillStands({ at: 0, ahead: 'second' }, queued, again)).toBe(false)
  })

  it('stands while all holders do and the KeyLocks has not changed', () => {
    const obstacle = { at: 0, ahead: undefined }
    expect(stillStands(obstacle, held, lockOf('held', { me: 5, last: 9 }, 'holder', 12))).toBe(true)
    expect(stillStands(obstacle, held, { ...held, holders: new Map() })).toBe(false)
    expect(stillStands(obstacle, held, lockOf('held', { me: 5 }))).toBe(false)
    const changed = { ...held, keyLocks: { ...held.keyLocks!, modRevision: 7n } }
    expect(stillStands(obstacle, held, changed)).toBe(false)
  })

  it('is not there for a request that is the first everywhere and finds all free', () => {
    expect([free, held, queued].map(lock => isFirstIn(lock, 'me'))).toStrictEqual([true, true, false])
    expect(isFirstIn(lockOf('none', {}), 'me')).toBe(false)
  })

  it('is all that it watches, besides the markers of all its locks', () => {
    expect(watchedByAll(targetsOf(held, queued), now)).toStrictEqual([
      { key: queued.key.ticket('second') },
      ...dismissals(held, queued),
    ])
    expect(watchedByAll(targetsOf(free, free), now)).toStrictEqual(dismissals(free, free))
  })
})

describe('Of what a waiter and its process have seen', () => {
  it('the younger counts', () => {
    const old = lockOf('name', { me: 5 }, 'holder', 8)
    expect(younger(held, old, 'me')).toBe(held)
    const young = lockOf('name', { me: 5 }, undefined, 12)
    expect(younger(held, young, 'me')).toBe(young)
  })

  it('the ticket that the process has not seen keeps its place', () => {
    const young = lockOf('held', { first: 3, last: 6 }, undefined, 12)
    expect([...younger(held, young, 'me').tickets.keys()]).toStrictEqual(['first', 'me', 'last'])
  })

  it('what was granted has no ticket any more', () => {
    const granted = lockOf('held', { last: 6 }, 'me', 12)
    expect(younger(held, granted, 'me')).toBe(granted)
  })
})
