import { describe, expect, it } from '@jest/globals'
import type { LeaseId } from '../../../lib/kv/key-value.js'
import { beginAttempt, next } from '../../../lib/lock/acquire/attempt.js'
import {
  type AttemptEvent,
  type AttemptFacts,
  type AttemptState,
  isBlocked,
  remainsOf,
} from '../../../lib/lock/acquire/attempt-state.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { decideAll } from '../../../lib/protocol/decide.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { emptySnapshot, type Snapshot } from '../../../lib/protocol/snapshot.js'
import { Timestamp } from '../../../lib/model/timestamp.js'

const uuid = newLockId()
const now = Timestamp.parse('2023-07-16 16:46:52')
const key = new LockKey('custom', 'name')
const nothing = emptySnapshot(key)

/** Facts of an attempt that has what it needs. */
function facts(given: Partial<AttemptFacts> & { holderLease?: LeaseId } = {}): AttemptFacts {
  const { holderLease = 'ours', ...others } = given
  return {
    decide: snapshots =>
      decideAll(
        snapshots.map(snapshot => ({ snapshot, terms: { uuid, concurrency: 1 } })),
        now,
      ),
    leaseAt: () => holderLease,
    isOwnLease: lease => lease === 'ours',
    hasLeases: true,
    areFresh: true,
    isTicketRetired: false,
    isStopped: false,
    ...others,
  }
}

function kv(path: string, lease: LeaseId, createRevision = 5n) {
  return { key: path, value: '{}', createRevision, modRevision: createRevision, lease }
}

const queued: Snapshot = {
  ...nothing,
  revision: 9n,
  tickets: new Map([
    ['other', kv(key.ticket('other'), 'theirs', 4n)],
    [uuid, kv(key.ticket(uuid), 'shared')],
  ]),
}
const heldOn = (lease: LeaseId): Snapshot => ({
  ...nothing,
  revision: 9n,
  holders: new Map([[uuid, kv(key.holder(uuid), lease)]]),
})
const answered = (snapshot: Snapshot, isGranted = false): AttemptEvent => ({
  kind: 'answered',
  isGranted,
  snapshots: [snapshot],
})
const read = (snapshot: Snapshot): AttemptEvent => ({ kind: 'read', snapshots: [snapshot] })

/** The state and the effect after these events. */
function after(events: readonly AttemptEvent[], by = facts(), mayWait = true) {
  return events.reduce<{ state: AttemptState; effect: { readonly kind: string } }>(
    ({ state }, event) => next(state, event, by),
    { state: beginAttempt(uuid, mayWait, [nothing]), effect: { kind: 'none' } },
  )
}

describe('An attempt', () => {
  const go: AttemptEvent = { kind: 'go' }

  it('joins, is granted, and holds', () => {
    expect(after([go]).effect.kind).toBe('join')
    const { state, effect } = after([go, answered(heldOn('ours'), true)])
    expect(effect.kind).toBe('hold')
    expect(remainsOf(state, 'hold')).toEqual({ isHeld: true, areClean: true, hasTicket: false })
  })

  it('borrows leases first where some are missing', () => {
    expect(after([go], facts({ hasLeases: false })).effect.kind).toBe('borrow')
  })

  it('waits while others are before it, and knows that they are in the way', () => {
    const { state, effect } = after([go, answered(queued)])
    expect(effect).toMatchObject({ kind: 'wait', place: 2 })
    expect(isBlocked(state, facts())).toBe(true)
    expect(isBlocked(after([go]).state, facts())).toBe(false)
  })

  it('leaves at once, when it may not wait, and finds the lock taken', () => {
    const { tickets } = queued
    const taken = { ...queued, tickets: new Map([...tickets].slice(0, 1)) }
    expect(after([go, answered(taken)], facts(), false).effect.kind).toBe('left')
  })

  it('reads after a grant that was not answered, and revokes its leases when that has left no trace', () => {
    expect(after([go, go]).effect.kind).toBe('read')
    expect(after([go, go, read(nothing)]).effect).toEqual({ kind: 'revoke', endsTicket: true })
    expect(after([go, go, read(queued)]).effect.kind).toBe('wait')
    expect(after([go, go, read(heldOn('ours'))]).effect.kind).toBe('hold')
  })

  it('believes in nothing that it sees while a revocation is not answered', () => {
    const { effect } = after([go, go, read(nothing), go, read(heldOn('ours'))])
    expect(effect.kind).toBe('revoke')
  })

  it('takes over the lease to which another process has moved what it holds', () => {
    const moved = [go, go, read(heldOn('theirs'))]
    expect(after(moved).effect).toEqual({ kind: 'adopt', lease: 'theirs' })
    const adopted = after(moved).state
    const event: AttemptEvent = { kind: 'adopted', isAlive: true }
    expect(next(adopted, event, facts({ holderLease: 'theirs' })).effect.kind).toBe('hold')
    expect(next(adopted, { kind: 'adopted', isAlive: false }, facts()).effect.kind).toBe('revoke')
  })

  it('clears away no holding that another process has moved meanwhile', () => {
    const revoked = [go, go, read(nothing), { kind: 'revoked' } as const]
    expect(after([...revoked, read(heldOn('ours'))]).effect.kind).toBe('clear')
    expect(after([...revoked, read(heldOn('theirs'))]).effect.kind).not.toBe('clear')
  })

  it('renews leases that are not fresh before it relies on them', () => {
    const by = facts({ areFresh: false })
    const events = [go, answered(heldOn('ours'), true)]
    expect(after(events, by).effect.kind).toBe('renew')
    expect(after([...events, { kind: 'renewed', areAlive: false }], by).effect.kind).toBe('read')
    const renewed: AttemptEvent[] = [...events, { kind: 'renewed', areAlive: true }]
    // Another process may have moved the holding before they were renewed.
    expect(after(renewed, by).effect.kind).toBe('read')
    expect(after([...renewed, read(heldOn('ours'))], by).effect.kind).toBe('hold')
    expect(after([...renewed, read(heldOn('theirs'))], by).effect).toEqual({ kind: 'adopt', lease: 'theirs' })
    expect(after([...renewed, go, read(heldOn('ours'))], by).effect.kind).toBe('renew')
    // It was not answered, and then answered by the keeper of the lease: another process may have moved the holding meanwhile.
    expect(next(after(events, by).state, { kind: 'go' }, facts()).effect.kind).toBe('read')
  })

  it('moves its ticket, or leaves the lease of tickets, when that is going to end', () => {
    const { state } = after([go, answered(queued)])
    const by = facts({ isTicketRetired: true })
    expect(next(state, go, by).effect.kind).toBe('move-tickets')
    expect(after([go], by).effect.kind).toBe('leave-ticket-lease')
    // One that was not as expected is read again: an unanswered move may have come through.
    expect(next(state, { kind: 'moved', areMoved: false }, by).effect.kind).toBe('read')
  })

  it('looks who has taken its ticket before it takes another one', () => {
    const { state } = after([go, answered(queued)])
    const gone = { ...state, snapshots: [nothing] }
    expect(next(gone, go, facts()).effect.kind).toBe('find-marker')
    expect(next(gone, { kind: 'unmarked' }, facts()).effect.kind).toBe('join')
    expect(next(gone, { kind: 'unmarked' }, facts({ isStopped: true })).effect.kind).toBe('stop')
  })

  it('starts nothing more when its caller wants nothing any more', () => {
    const by = facts({ isStopped: true })
    expect(after([go], by).effect.kind).toBe('stop')
    expect(after([go, answered(queued), { kind: 'leave' }], by).effect.kind).toBe('give-up')
  })

  it('looks for a ticket that stands behind those that a refused grant has read', () => {
    const first = { ...queued, tickets: new Map([...queued.tickets].slice(1)) }
    const { state } = after([go, answered(first)])
    const others = new Map([...queued.tickets].slice(0, 1))
    const { state: searching, effect } = next(
      state,
      answered({ ...queued, tickets: others, isWhole: false }),
      facts(),
    )
    expect(effect.kind).toBe('read')
    expect(searching.phase).toBe('searching')
    expect(next(searching, { kind: 'leave' }, facts()).effect.kind).toBe('read')
    // It has not looked in time: the ticket must not stay on a lease that others renew.
    expect(remainsOf(searching, undefined)).toMatchObject({ areClean: false, hasTicket: true })
    expect(next(searching, read(queued), facts()).effect.kind).toBe('wait')
  })

  it('drops its leases when etcd refuses one of them; that of the ticket where none stands', () => {
    expect(after([go, { kind: 'refused' }]).effect).toEqual({ kind: 'drop-leases', doubtsTicket: true })
    expect(after([go, { kind: 'refused' }, go]).effect.kind).toBe('join')
    const first = { ...queued, tickets: new Map([...queued.tickets].slice(1)) }
    const granting = after([go, answered(first)])
    expect(granting.effect.kind).toBe('grant')
    const refused = next(granting.state, { kind: 'refused' }, facts())
    expect(refused.effect).toEqual({ kind: 'drop-leases', doubtsTicket: false })
  })

  it('gives back clean leases only when nothing stands or may come', () => {
    const left = after([go, answered(nothing), { kind: 'leave' }]).state
    expect(remainsOf(left, 'left')).toEqual({ isHeld: false, areClean: true, hasTicket: false })
    const waiting = after([go, answered(queued)]).state
    expect(remainsOf(waiting, undefined)).toEqual({ isHeld: false, areClean: false, hasTicket: true })
    expect(remainsOf(waiting, 'left').areClean).toBe(false)
    expect(remainsOf(after([go]).state, undefined)).toMatchObject({ areClean: false, hasTicket: true })
  })
})

describe('An attempt at several locks', () => {
  const another = new LockKey('custom', 'another')
  const begin = beginAttempt(uuid, true, [nothing, emptySnapshot(another)])
  const ticket = (of: LockKey): Snapshot => ({
    ...emptySnapshot(of),
    tickets: new Map([[uuid, kv(of.ticket(uuid), 'shared')]]),
  })

  it('takes them all in one transaction', () => {
    expect(next(begin, { kind: 'go' }, facts()).effect).toMatchObject({
      kind: 'grant',
      from: begin.snapshots,
    })
  })

  it('leaves all queues when one of its tickets is gone, and joins them anew', () => {
    const state: AttemptState = {
      ...begin,
      phase: 'informed',
      snapshots: [ticket(key), emptySnapshot(another)],
    }
    expect(next(state, { kind: 'unmarked' }, facts()).effect.kind).toBe('give-up')
    const none = [nothing, emptySnapshot(another)]
    expect(next(state, { kind: 'given-up', snapshots: none }, facts()).effect.kind).toBe('find-marker')
  })
})
