import { LockUnreadableError } from '../model/errors.js'
import { withJson } from '../model/printed.js'
import { Timestamp } from '../model/timestamp.js'
import { keyLocksOf, type Snapshot } from '../protocol/snapshot.js'
import { parseTerms } from '../protocol/terms.js'

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
  readonly since: Timestamp
  /** Seconds until `since + ttl`, by the clock of this host; 0 when that has passed. */
  readonly remaining: number
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
export function stateOf(snapshot: Snapshot, now: Timestamp): LockState {
  const { prefix, name, path: key } = snapshot.key
  const alive = new Set(snapshot.holders.keys())
  const holders = keyLocksOf(snapshot)
    .live({ now, alive })
    .map(lock =>
      withJson({
        id: lock.uuid,
        owner: lock.owner,
        since: lock.created,
        remaining: Math.max(0, now.secondsUntil(lock.expiresAt)),
        concurrency: lock.concurrency,
        ttl: lock.ttl,
        fencingToken: snapshot.holders.get(lock.uuid)?.createRevision,
      }),
    )
  return withJson({ prefix, name, key, holders, waiters: waitersOf(snapshot) })
}

/** For a listing, which one broken lock must not spoil. */
export function stateOrProblem(snapshot: Snapshot, now: Timestamp): LockState {
  try {
    return stateOf(snapshot, now)
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

export function timeOf(text: string | undefined): Timestamp | undefined {
  try {
    return text === undefined ? undefined : Timestamp.parse(text)
  } catch {
    return undefined
  }
}
