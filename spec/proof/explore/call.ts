import type { KeyRange, LeaseId } from '../../../lib/kv/key-value.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { agedSnapshot, agedTransaction } from './time.js'

/** A transaction that was made from a snapshot and is to change something. */
export interface Commit {
  readonly kind: 'grant' | 'leave queue' | 'clear' | 'release'
  readonly from: Snapshot
  readonly transaction: Transaction
}

/** What a client has sent and waits for. */
export type Call =
  | Commit
  /** `why` says what the answer is for. */
  | { readonly kind: 'read'; readonly why: 'recover' | 'clear' | 'withdraw' | 'wait' | 'release' }
  | { readonly kind: 'watch'; readonly ranges: readonly KeyRange[] }
  | { readonly kind: 'revoke'; readonly leases: readonly LeaseId[] }

export function isCommit(call: Call): call is Commit {
  return 'transaction' in call
}

/** The call when the clock has gone on. */
export function agedCall<T extends Call>(call: T): T {
  if (!isCommit(call)) return call
  return { ...call, from: agedSnapshot(call.from), transaction: agedTransaction(call.transaction) }
}
