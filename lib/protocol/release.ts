import type { Transaction } from '../kv/transaction.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'
import type { Timestamp } from '../model/timestamp.js'
import { putKeyLocks, unchanged } from './key-locks-ops.js'
import { keyLocksOf, type Snapshot, snapshotReads } from './snapshot.js'

export interface Release {
  readonly transaction: Transaction
  /** The entry that goes; undefined when only its holder key was left. */
  readonly released: ConcurrentLock | undefined
  /** Dead entries of others that it drops. */
  readonly expired: readonly ConcurrentLock[]
}

/** Takes the holder `uuid` out of the lock. Undefined when the snapshot does not know it. */
export function release(snapshot: Snapshot, uuid: string, now: Timestamp): Release | undefined {
  const { key, holders } = snapshot
  const keyLocks = keyLocksOf(snapshot)
  const released = keyLocks.remove(uuid)
  const holder = holders.get(uuid)
  if (!released && !holder) return undefined
  const dead = keyLocks.expired({ now, alive: new Set(holders.keys()) })
  for (const lock of dead) keyLocks.remove(lock.uuid)
  const leases = new Map([...holders].map(([id, kv]) => [id, kv.lease]))
  return {
    released,
    expired: dead,
    transaction: {
      compare: unchanged(snapshot),
      success: [
        ...(released ? [putKeyLocks(keyLocks, leases)] : []),
        { type: 'delete', key: key.holder(uuid) },
      ],
      failure: snapshotReads(key),
    },
  }
}
