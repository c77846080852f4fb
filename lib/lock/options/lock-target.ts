import type { LeaseId } from '../../kv/key-value.js'
import type { Op } from '../../kv/transaction.js'
import type { Timestamp } from '../../model/timestamp.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { LockTerms } from '../../protocol/request.js'
import type { Snapshot } from '../../protocol/snapshot.js'

/** One lock of those that an attempt takes together, under one id. */
export interface LockTarget {
  readonly key: LockKey
  readonly terms: LockTerms
  /** Written in the transaction that grants the lock, as held since `created`. A release cannot hand such a lock over. */
  readonly extraOps?: (lease: LeaseId, created: Timestamp) => readonly Op[]
}

/** A lock and what is known of it: at first a guess. */
export interface TargetSnapshot extends LockTarget {
  readonly snapshot: Snapshot
}
