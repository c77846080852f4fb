import type { LeaseId } from '../kv/key-value.js'
import type { Compare, Op, Transaction } from '../kv/transaction.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'
import type { Timestamp } from '../model/timestamp.js'
import { handOver, putSuccessors, stillWait, type Successor } from './hand-over.js'
import { putKeyLocks, unchanged } from './key-locks-ops.js'
import { noUnknownHolders, orphans } from './orphans.js'
import { keyLocksOf, type Snapshot, snapshotReads } from './snapshot.js'

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
  { mostSuccessors = Infinity } = {},
): Release | undefined {
  const { key, holders } = snapshot
  const keyLocks = keyLocksOf(snapshot)
  const released = keyLocks.remove(uuid)
  const holder = holders.get(uuid)
  if (!released && !holder) return undefined
  const dead = keyLocks.expired({ now, alive: holders })
  for (const lock of dead) keyLocks.remove(lock.uuid)
  const mayHandOver = mostSuccessors > 0
  const successors = handOver(snapshot, keyLocks, now, mostSuccessors)
  const leaseOf = (id: string): LeaseId | undefined =>
    successors.find(successor => successor.uuid === id)?.lease ?? holders.get(id)?.lease
  return {
    released,
    expired: dead,
    transaction: {
      compare: [
        ...unchanged(snapshot),
        ...(mayHandOver ? queueStands(snapshot, successors) : []),
        ...(dead.length > 0 || successors.length > 0 ? noUnknownHolders(snapshot) : []),
      ],
      success: [
        ...unlikeLease([
          ...(released || successors.length > 0 ? [putKeyLocks(keyLocks, leaseOf)] : []),
          { type: 'delete', key: key.holder(uuid) },
        ]),
        ...putSuccessors(snapshot, successors),
        ...(successors.length > 0 ? orphans(snapshot, keyLocks, uuid) : []),
      ],
      failure: snapshotReads(key),
    },
  }
}

/**
 * The end of a lease deletes its keys in ascending order, on every member alike. A release deletes them in descending order,
 * so that every watcher can tell the two apart.
 */
function unlikeLease(ops: readonly Op[]): Op[] {
  return ops.toSorted((a, b) => (a.key < b.key ? 1 : -1))
}

/** A holder whose snapshot shows no waiters must not leave them behind: the transaction fails, and reads them. */
function queueStands({ key, tickets }: Snapshot, successors: readonly Successor[]): Compare[] {
  if (tickets.size > 0) return stillWait(successors)
  return [{ target: 'create', ...key.tickets, is: '=', revision: 0n }]
}
