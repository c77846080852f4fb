import type { WatchedRange, LeaseId } from '../../../lib/kv/key-value.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { agedSnapshot, agedTransaction } from './time.js'

/** What a commit does to one of the locks. */
export interface Part {
  /** Which of the caller's locks; the numbers after these are locks of others. */
  readonly at: number
  /** What the transaction was made from. */
  readonly from: Snapshot
  readonly transaction: Transaction
}

/** One transaction for one id. */
export interface Commit {
  readonly kind:
    'turn' | 'grant' | 'leave queue' | 'clear' | 'release' | 'force release' | 'eviction' | 'move'
  readonly uuid: string
  /** Where it is for several. */
  readonly members?: readonly string[]
  readonly parts: readonly Part[]
  /** What is written alongside, whatever stands. */
  readonly extra?: Transaction | undefined
  /** The sets that join their queues in it, whatever stands. */
  readonly riders?: readonly RidingTickets[]
}

/** The tickets of a set that travel with a release of its process. */
export interface RidingTickets {
  readonly client: number
  readonly parts: readonly Part[]
}

/** What the answer to a read is for. */
export type Purpose =
  | 'recover'
  | 'clear'
  | 'withdraw'
  | 'go on'
  | 'find its ticket'
  | 'find the marker'
  | 'wait'
  | 'release'
  | 'evict'

/** What a client, or the administrator, has sent and waits for. */
export type Call =
  | Commit
  /** In the line of its process, or in its transaction. */
  | { readonly kind: 'together'; readonly what: 'join' | 'release' }
  /** Kept back until a release of its process takes the tickets along; `alone` is what is sent when none does. */
  | { readonly kind: 'ride'; readonly alone: Commit; readonly isAboard: boolean }
  | { readonly kind: 'read'; readonly why: Purpose }
  | { readonly kind: 'watch'; readonly ranges: readonly WatchedRange[] }
  | { readonly kind: 'revoke'; readonly leases: readonly LeaseId[] }
  /** Finds out whether a lease of another process is alive. */
  | { readonly kind: 'adopt'; readonly lease: LeaseId }

/** For whom it is. */
export function membersOf({ uuid, members = [uuid] }: Commit): readonly string[] {
  return members
}

export function isCommit(call: Call): call is Commit {
  return 'parts' in call
}

/** The call when the clock has gone on. */
export function agedCall<T extends Call>(call: T): T {
  if (call.kind === 'ride') return { ...call, alone: agedCall(call.alone) }
  if (!isCommit(call)) return call
  const { extra, parts, riders } = call
  return {
    ...call,
    parts: agedParts(parts),
    extra: extra && agedTransaction(extra),
    ...(riders && { riders: riders.map(rider => ({ ...rider, parts: agedParts(rider.parts) })) }),
  }
}

function agedParts(parts: readonly Part[]): Part[] {
  return parts.map(({ at, from, transaction }) => ({
    at,
    from: agedSnapshot(from),
    transaction: agedTransaction(transaction),
  }))
}
