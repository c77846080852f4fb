import type { Transaction } from '../kv/transaction.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'
import type { Timestamp } from '../model/timestamp.js'
import { compose } from './compose.js'
import { showsHolder, type Snapshot } from './snapshot.js'

export interface Release {
  readonly transaction: Transaction
  /** The entry that goes; undefined when only its holder key was left. */
  readonly released: ConcurrentLock | undefined
  /** Dead entries of others that it drops. */
  readonly expired: readonly ConcurrentLock[]
}

/**
 * Takes the holder `uuid` out of the lock, and grants the lock to the first waiters that fit, where a hand-over is allowed.
 * Undefined when the snapshot does not show the holder. The transaction fails when a waiter has joined a queue that the snapshot
 * shows empty.
 */
export function release(
  snapshot: Snapshot,
  uuid: string,
  now: Timestamp,
  { mostSuccessors = Infinity, readsQueue = true } = {},
): Release | undefined {
  if (!showsHolder(snapshot, uuid)) return undefined
  const wanted = { releases: [uuid], joins: [], mostSuccessors, readsQueue, isLocal: () => false }
  const { transaction, released, expired } = compose(snapshot, wanted, now)
  return { transaction, released: released[0], expired }
}
