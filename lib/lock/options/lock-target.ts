import type { LeaseId } from '../../kv/key-value.js'
import type { Op } from '../../kv/transaction.js'
import type { Timestamp } from '../../model/timestamp.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { LockTerms } from '../../protocol/request.js'
import type { Snapshot } from '../../protocol/snapshot.js'

/** One lock of those that a claim is to get together, under one id. */
export interface LockTarget {
  readonly key: LockKey
  readonly terms: LockTerms
  /** What is to be written when it is granted, as held since `created`. Nobody can hand over such a lock. */
  readonly extraOps?: (lease: LeaseId, created: Timestamp) => readonly Op[]
}

/** A part and what is true of its lock, or at the start a guess. */
export interface TargetSnapshot extends LockTarget {
  readonly snapshot: Snapshot
}
