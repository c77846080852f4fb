import type { LeaseId } from '../../kv/key-value.js'
import type { Step } from '../../protocol/decide.js'
import { keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'

/**
 * What is known of what etcd has for an attempt:
 *
 * - `guessing`: the snapshots are what its process saw last, and etcd has nothing of it.
 * - `informed`: the snapshots are what etcd has told. They say whether it holds, waits, or is blocked.
 * - `searching`: they may not show its ticket, which stands behind those that were read.
 * - `sent`: a transaction that may grant is under way. Once no answer has come, etcd may apply it at any time, even much later.
 * - `unsettled`: etcd is being read, since a grant was not answered or a holding was lost.
 * - `renewed`: etcd is being read, since its leases were renewed after the grant, and the holding may have been moved from them before.
 * - `revoking`: a revocation of its leases was sent, so no key on them counts: etcd may apply it at any time.
 * - `clearing`: its leases are gone, and an entry that a grant has left is being deleted.
 */
export type Phase =
  'guessing' | 'informed' | 'searching' | 'sent' | 'unsettled' | 'renewed' | 'revoking' | 'clearing'

/** One attempt to acquire one lock or several under one id, at one moment. */
export interface AttemptState {
  readonly uuid: string
  readonly mayWait: boolean
  readonly goal: 'acquire' | 'leave'
  readonly phase: Phase
  /** Of each lock. */
  readonly snapshots: readonly Snapshot[]
  /** A transaction that puts the tickets was sent, and it is not known whether it was applied, or will be. */
  readonly isTicketInDoubt: boolean
  /** The last transaction that this process sent for it has granted it the locks. */
  readonly isGrantedByUs: boolean
}

/** What an attempt decides by, besides its state. */
export interface AttemptFacts {
  /** What a request does next by these snapshots. */
  decide(snapshots: readonly Snapshot[]): Step
  /** The lease for the holder key of the lock at this place; undefined while there is none. */
  leaseAt(place: number): LeaseId | undefined
  /** False for a lease that it never had: another process has moved its holding there. */
  isOwnLease(lease: LeaseId): boolean
  /** Whether it has all leases that it needs. */
  readonly hasLeases: boolean
  /** Whether the leases of the holder keys count from now. */
  readonly areFresh: boolean
  /** Whether the tickets have to move to another lease. */
  readonly isTicketRetired: boolean
  /** Whether its caller wants nothing any more. */
  readonly isStopped: boolean
}

/** What has happened. */
export type AttemptEvent =
  /** It begins, or goes on: after news from a watch, or a call that was not answered. */
  | { readonly kind: 'go' }
  /** It is to leave the queues. */
  | { readonly kind: 'leave' }
  /** An answer to `read`. */
  | { readonly kind: 'read'; readonly snapshots: readonly Snapshot[] }
  /** An answer to `join` or `grant`. */
  | { readonly kind: 'answered'; readonly isGranted: boolean; readonly snapshots: readonly Snapshot[] }
  /** Etcd has refused `join` or `grant` since one of the leases is gone. */
  | { readonly kind: 'refused' }
  /** An answer to `give-up`. */
  | { readonly kind: 'given-up'; readonly snapshots: readonly Snapshot[] }
  /** An answer to `find-marker`: there is none. */
  | { readonly kind: 'unmarked' }
  /** An answer to `renew`: whether all leases of the holder keys are alive, and count from now. */
  | { readonly kind: 'renewed'; readonly areAlive: boolean }
  /** An answer to `adopt`: whether the lease is alive. */
  | { readonly kind: 'adopted'; readonly isAlive: boolean }
  | { readonly kind: 'revoked' }
  /** An answer to `clear`, or its refusal. */
  | { readonly kind: 'cleared' }
  /** An answer to `move-tickets`: false when they were not as expected. */
  | { readonly kind: 'moved'; readonly areMoved: boolean }

/** What is to be done next. A call that is not answered is followed by `go`. */
export type AttemptEffect =
  /** Get the leases that are missing. Then `go`. */
  | { readonly kind: 'borrow' }
  /** Take the lock, or a ticket, together with whatever else this process wants of it. */
  | { readonly kind: 'join'; readonly from: Snapshot }
  /** Take all locks if they are as in these snapshots; put the tickets, if none stands, otherwise. */
  | { readonly kind: 'grant'; readonly from: readonly Snapshot[] }
  /** Delete the tickets. */
  | { readonly kind: 'give-up' }
  | { readonly kind: 'read' }
  /** Look whether it was sent away by force: then it ends. */
  | { readonly kind: 'find-marker' }
  /** Put the tickets on another lease. */
  | { readonly kind: 'move-tickets' }
  /** There is no ticket, nor may one come: leave the lease that it would be on. Then `go`. */
  | { readonly kind: 'leave-ticket-lease' }
  | { readonly kind: 'renew' }
  /** Take over the lease to which another process has moved the holding. */
  | { readonly kind: 'adopt'; readonly lease: LeaseId }
  /** End the leases of the holder keys, and what is on the lease of the tickets. */
  | { readonly kind: 'revoke'; readonly endsTicket: boolean }
  /** Delete the entries that stand without their leases. */
  | { readonly kind: 'clear' }
  /** Give up the leases of the holder keys, one of which has expired: etcd does not report which. It may be that of the tickets. Then `go`. */
  | { readonly kind: 'drop-leases'; readonly doubtsTicket: boolean }
  | Pause

/** Nothing is to be done for now. */
export type Pause =
  /** Wait for news, until an entry expires of which no event tells. Then `go`, from what was seen. */
  | (Step & { readonly kind: 'wait' })
  /** Its caller wants nothing any more. Then `leave`. */
  | { readonly kind: 'stop' }
  /** The end: everything is held. */
  | { readonly kind: 'hold' }
  /** The end: it has left nothing in etcd. */
  | { readonly kind: 'left' }

export interface Next {
  readonly state: AttemptState
  readonly effect: AttemptEffect
}

export function isSingle({ snapshots }: AttemptState): boolean {
  return snapshots.length === 1
}

export function hasTickets({ snapshots, uuid }: AttemptState): boolean {
  return snapshots.some(({ tickets }) => tickets.has(uuid))
}

export function hasAllTickets({ snapshots, uuid }: AttemptState): boolean {
  return snapshots.every(({ tickets }) => tickets.has(uuid))
}

/**
 * False when a release handed the lock over on a lease that was given up meanwhile:
 *
 *     the ticket names lease A · A seems lost, B takes its place · a release grants to the ticket, on A · A ends
 *
 * To rely on B then would be to hold nothing.
 */
export function isOnOwnLeases({ snapshots, uuid }: AttemptState, facts: AttemptFacts): boolean {
  return snapshots.every(({ holders }, at) => holders.get(uuid)?.lease === facts.leaseAt(at))
}

/** Whether etcd has everything that is known of: all holder keys on its leases, or all tickets and no entry. */
export function isValid(state: AttemptState, facts: AttemptFacts): boolean {
  const { snapshots, uuid } = state
  if (snapshots.some(({ holders }) => holders.has(uuid))) return isOnOwnLeases(state, facts)
  return snapshots.every(snapshot => snapshot.tickets.has(uuid) && !keyLocksOf(snapshot).locks.has(uuid))
}

/** The lease to which another process has moved the holding. That process answers for what it does with it. */
export function movedTo(state: AttemptState, facts: AttemptFacts): LeaseId | undefined {
  const lease = state.snapshots[0]!.holders.get(state.uuid)?.lease
  return isSingle(state) && lease !== undefined && !facts.isOwnLease(lease) ? lease : undefined
}

/** Whether other processes are in the way, by the last answer of etcd, and no grant is unanswered since. */
export function isBlocked({ phase, snapshots }: AttemptState, facts: AttemptFacts): boolean {
  return phase === 'informed' && ['wait', 'blocked'].includes(facts.decide(snapshots).kind)
}

/** What becomes of the leases at the end of an attempt, and of the slot of its id. */
export interface Remains {
  readonly isHeld: boolean
  /** Nothing is on the leases of the holder keys, nor may come: they, and the slot of the id, may be used again. */
  readonly areClean: boolean
  /** A ticket stands, or may come. */
  readonly hasTicket: boolean
}

/** @param end undefined when it ends with an error, and all is left to the leases. */
export function remainsOf(state: AttemptState, end: 'hold' | 'left' | undefined): Remains {
  const isHeld = end === 'hold'
  // A grant deletes the ticket, though the snapshot may be stale.
  const isTicketKnown = !isHeld && hasTickets(state)
  return {
    isHeld,
    areClean: end !== undefined && !isTicketKnown,
    // One that is searched for stands behind those that were read, unless etcd has ended it since.
    hasTicket: isTicketKnown || state.isTicketInDoubt || (!isHeld && state.phase === 'searching'),
  }
}
