import type { WatchedRange } from '../kv/key-value.js'
import type { Timestamp } from '../model/timestamp.js'
import type { LockTerms } from './request.js'
import { hasRoom } from './room.js'
import { isKeyTaken, keyLocksOf, type Snapshot } from './snapshot.js'

export type Step =
  /** The holder key stands: the lock is held. */
  | { readonly kind: 'held' }
  /** The entry stands without its holder key: the lease is gone, or the snapshot shows half of a transaction. */
  | { readonly kind: 'lost' }
  /** Nobody is before this request, its limits allow it and there is room: try `grant` from this snapshot. */
  | { readonly kind: 'grant' }
  /** Held, full or queued for, and this request has no ticket. */
  | { readonly kind: 'blocked' }
  /** In the queue. `place` counts from 1. At `until` an entry expires that never had a holder key, so that no event tells of it. */
  | { readonly kind: 'wait'; readonly place: number; readonly until: Timestamp | undefined }

/** One lock that a request asks for, and what is known of it. */
export interface TargetState {
  readonly snapshot: Snapshot
  readonly terms: Pick<LockTerms, 'uuid' | 'concurrency'>
}

/**
 * What a request does next, as far as this snapshot tells.
 * @param locks how many are to be taken in one transaction.
 */
export function decide(
  snapshot: Snapshot,
  terms: Pick<LockTerms, 'uuid' | 'concurrency'>,
  now: Timestamp,
  locks = 1,
): Step {
  const { holders, tickets } = snapshot
  if (holders.has(terms.uuid)) return { kind: 'held' }
  const place = tickets.has(terms.uuid) ? [...tickets.keys()].indexOf(terms.uuid) + 1 : 0
  if (place > 1) return { kind: 'wait', place, until: undefined }
  const keyLocks = keyLocksOf(snapshot)
  if (keyLocks.locks.has(terms.uuid)) return { kind: 'lost' }
  if (place === 0 && tickets.size > 0) return { kind: 'blocked' }
  const liveness = { now, alive: holders }
  const isFree = keyLocks.fits(terms, liveness) && !isKeyTaken(snapshot, terms.uuid)
  if (isFree && hasRoom(snapshot, keyLocks, liveness, locks)) return { kind: 'grant' }
  if (place === 0) return { kind: 'blocked' }
  const silent = keyLocks.live(liveness).filter(lock => !holders.has(lock.uuid))
  return { kind: 'wait', place, until: earliest(silent.map(lock => lock.expiresAt)) }
}

/**
 * What a request for several locks at once does next, as far as snapshots of one revision tell. All are granted in one
 * transaction, or none.
 *
 * No two requests wait for each other, whatever the order of their names: a request waits only while it has tickets in
 * all its queues, and one transaction took them all. Of two requests that meet in several queues, the same one is
 * ahead in each.
 */
export function decideAll(targets: readonly TargetState[], now: Timestamp): Step {
  const steps = targets.map(({ snapshot, terms }) => decide(snapshot, terms, now, targets.length))
  if (steps.length === 1) return steps[0]!
  if (steps.every(({ kind }) => kind === 'held')) return { kind: 'held' }
  // Grants and releases take all locks of a set at once. One of them without the others has lost its lease.
  if (steps.some(({ kind }) => kind === 'held' || kind === 'lost')) return { kind: 'lost' }
  const tickets = targets.filter(({ snapshot, terms }) => snapshot.tickets.has(terms.uuid)).length
  const areFree = steps.every(({ kind }) => kind === 'grant')
  if (tickets === 0) return { kind: areFree ? 'grant' : 'blocked' }
  // A ticket was deleted by hand or by force. The others alone must not be granted: the request starts anew.
  if (tickets < targets.length) return { kind: 'blocked' }
  return areFree ? { kind: 'grant' } : longestWait(steps)
}

/** With tickets in all queues: where the request is farthest back, and the first entry that may expire. */
function longestWait(steps: readonly Step[]): Step {
  const waits = steps.filter(step => step.kind === 'wait')
  const until = earliest(waits.flatMap(wait => wait.until ?? []))
  return { kind: 'wait', place: Math.max(...waits.map(wait => wait.place)), until }
}

/** What a waiter watches: nothing but what it waits for, so that an event wakes one waiter and not all. */
export function watchedBy({ key, tickets }: Snapshot, uuid: string): WatchedRange[] {
  const ahead = aheadOf(tickets, uuid)
  const dismissal = { key: key.forced(uuid), putsOnly: true }
  if (ahead === undefined) return [{ key: key.path }, key.holders, dismissal]
  return [{ key: key.holder(uuid), putsOnly: true }, { key: key.ticket(ahead) }, dismissal]
}

/** The waiter right before this one in the queue; undefined for the first. */
export function aheadOf(tickets: Snapshot['tickets'], uuid: string): string | undefined {
  const queue = [...tickets.keys()]
  return queue[queue.indexOf(uuid) - 1]
}

function earliest(times: readonly Timestamp[]): Timestamp | undefined {
  return times.reduce<Timestamp | undefined>(
    (min, time) => (min && !time.isBefore(min) ? min : time),
    undefined,
  )
}
