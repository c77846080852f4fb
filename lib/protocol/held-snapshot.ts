import type { KeyValue } from '../kv/key-value.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import { KeyLocks } from '../model/key-locks.js'
import { idIn, type LockKey } from './lock-key.js'
import { parseTold } from './queue.js'
import type { Snapshot } from './snapshot.js'
import { parseTerms } from './terms.js'

/**
 * What the holder key of a holder that was just granted the lock tells of it. With concurrency 1 there is no other holder, so that
 * its entry is the whole KeyLocks, which the same transaction has written. Undefined for other holders, and for a key that was
 * written by hand.
 */
export function heldSnapshot(key: LockKey, holder: KeyValue): Snapshot | undefined {
  const terms = parseTerms(holder.value)
  if (terms?.concurrency !== 1) return undefined
  const uuid = idIn(holder)
  const { concurrency, created, owner, ttl, queue } = terms
  try {
    const lock = ConcurrentLock.fromDict(uuid, { concurrency, created, owner, ttl })
    const value = new KeyLocks(key.path, [lock]).toJson()
    return {
      key,
      revision: holder.modRevision,
      keyLocks: { ...holder, key: key.path, value },
      holders: new Map([[uuid, holder]]),
      tickets: parseTold(key, queue),
      isWhole: false,
      knowsHolders: true,
    }
  } catch {
    return undefined
  }
}
