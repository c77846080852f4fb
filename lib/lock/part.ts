import type { LeaseId } from '../kv/key-value.js'
import type { Op } from '../kv/transaction.js'
import type { Timestamp } from '../model/timestamp.js'
import type { LockKey } from '../protocol/lock-key.js'
import type { Asked } from '../protocol/request.js'
import type { Snapshot } from '../protocol/snapshot.js'

/** One lock of those that a claim is to get together, under one id. */
export interface Part {
  readonly key: LockKey
  readonly asked: Asked
  /** What is to be written when it is granted, as held since `created`. Nobody can hand over such a lock. */
  readonly alongside?: (lease: LeaseId, created: Timestamp) => readonly Op[]
}

/** A part and what is true of its lock, or at the start a guess. */
export interface SeenPart extends Part {
  readonly snapshot: Snapshot
}
