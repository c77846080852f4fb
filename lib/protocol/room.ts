import { KeyLocks, type Liveness } from '../model/key-locks.js'
import type { Snapshot } from './snapshot.js'

/**
 * Bytes of a KeyLocks up to which one more holder is added. By default etcd takes no request of more than 1.5 MiB; what is left is for
 * the entry, its holder key, and those of as many as are handed the lock at once.
 */
export const MOST_BYTES = 1_048_576

/**
 * Whether one more holder has room beside the live ones. Of a transaction for several locks each has its share.
 */
export function hasRoom(
  { keyLocks: kv }: Snapshot,
  keyLocks: KeyLocks,
  liveness: Liveness,
  locks = 1,
): boolean {
  const most = MOST_BYTES / locks
  // UTF-8 takes at most three bytes for a unit of UTF-16; to write and count what is far from full would cost more than all the rest.
  if (3 * (kv?.value.length ?? 0) <= most) return true
  return bytesOf(keyLocks, liveness) <= most
}

/**
 * The first of these locks, one at least, whose KeyLocks have room in one transaction. Those of a set had when it was granted: others may have
 * filled them since. The few waiters of each that are handed it besides need less than what is left of etcd's 1.5 MiB.
 */
export function firstTogether(snapshots: readonly Snapshot[]): readonly Snapshot[] {
  let left = MOST_BYTES
  const end = snapshots.findIndex(({ keyLocks }, at) => {
    left -= Buffer.byteLength(keyLocks?.value ?? '')
    return left < 0 && at > 0
  })
  return end < 0 ? snapshots : snapshots.slice(0, end)
}

/** Bytes of the KeyLocks when the dead are dropped. */
export function bytesOf(keyLocks: KeyLocks, liveness: Liveness): number {
  return Buffer.byteLength(new KeyLocks(keyLocks.key, keyLocks.live(liveness)).toJson())
}
