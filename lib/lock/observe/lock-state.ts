import { LockUnreadableError } from '../../model/errors.js'
import { withJson } from '../../model/printed.js'
import type { Timestamp } from '../../model/timestamp.js'
import { keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import { isRenewed, parseTerms, sinceOf, timeOf } from '../../protocol/terms.js'
import type { Left } from './leases-left.js'

/** Who holds a lock and who waits for it, for people and tools. */
export interface LockState {
  readonly prefix: string
  readonly name: string
  /** Full etcd key. */
  readonly key: string
  /** In the order in which they came. */
  readonly holders: readonly HolderState[]
  /** The queue, first come first. */
  readonly waiters: readonly WaiterState[]
  /** Why the value in etcd could not be read, when it could not. */
  readonly problem?: string
}

export interface HolderState {
  readonly id: string
  readonly owner: string
  /** When it was taken, by the clock of its host. */
  readonly since: Timestamp
  /**
   * Seconds that its lease lasts, in whole ones, as etcd tells. Where etcd was not asked (of more than 200 leases at once, and in
   * `onWait`) or does not tell, and of an entry without a lease: until its ttl is over, by the clock of this host; of one that
   * is renewed its ttl.
   */
  readonly remaining: number
  /** Whether its holder renews it, as long as it lives, so that it may last for longer. */
  readonly renewed: boolean
  readonly concurrency: number
  readonly ttl: number
  /** Fencing token; undefined for an entry that was not written by this software. */
  readonly fencingToken: bigint | undefined
}

export interface WaiterState {
  readonly id: string
  /** Undefined, as `since`, when the ticket is not this software's. */
  readonly owner: string | undefined
  readonly since: Timestamp | undefined
  /** In the queue, from 1. */
  readonly place: number
}

/** @throws LockUnreadableError */
export function stateOf(snapshot: Snapshot, now: Timestamp, left: Left = new Map()): LockState {
  const { prefix, name, path: key } = snapshot.key
  const alive = new Set(snapshot.holders.keys())
  const holders = keyLocksOf(snapshot)
    .live({ now, alive })
    .map(lock => {
      const holder = snapshot.holders.get(lock.uuid)
      const renewed = isRenewed(holder)
      const byTerms = renewed ? lock.ttl : Math.max(0, now.secondsUntil(lock.expiresAt))
      return withJson({
        id: lock.uuid,
        owner: lock.owner,
        since: sinceOf(holder, lock.created),
        remaining: left.get(holder?.lease ?? '') ?? byTerms,
        renewed,
        concurrency: lock.concurrency,
        ttl: lock.ttl,
        fencingToken: holder?.createRevision,
      })
    })
  return withJson({ prefix, name, key, holders, waiters: waitersOf(snapshot) })
}

/** For a listing, which one broken lock must not spoil. */
export function stateOrProblem(snapshot: Snapshot, now: Timestamp, left?: Left): LockState {
  try {
    return stateOf(snapshot, now, left)
  } catch (error) {
    if (!(error instanceof LockUnreadableError)) throw error
    const { prefix, name, path: key } = snapshot.key
    return withJson({ prefix, name, key, holders: [], waiters: waitersOf(snapshot), problem: error.message })
  }
}

function waitersOf({ tickets }: Snapshot): WaiterState[] {
  return [...tickets].map(([id, ticket], index) => {
    const terms = parseTerms(ticket.value)
    return { id, owner: terms?.owner, since: timeOf(terms?.created), place: index + 1 }
  })
}
