import type { KeyRange, LeaseId } from '../../../lib/kv/key-value.js'
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
  | { readonly kind: 'read'; readonly why: Purpose }
  | { readonly kind: 'watch'; readonly ranges: readonly KeyRange[] }
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
  if (!isCommit(call)) return call
  const parts = call.parts.map(({ at, from, transaction }) => ({
    at,
    from: agedSnapshot(from),
    transaction: agedTransaction(transaction),
  }))
  return { ...call, parts, extra: call.extra && agedTransaction(call.extra) }
}
