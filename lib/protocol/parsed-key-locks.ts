import type { KeyValue } from '../kv/key-value.js'
import type { Put } from '../kv/transaction.js'
import { KeyLocks } from '../model/key-locks.js'

/**
 * The KeyLocks in a value, so that what this process has written or parsed a moment ago is not parsed again. Keys and
 * operations are values that never change, and neither do the entries in here.
 */
const parsed = new WeakMap<KeyValue | Put, KeyLocks>()

/** A copy, which may be changed. @throws LockUnreadableError */
export function parseKeyLocks(kv: KeyValue): KeyLocks {
  const known = parsed.get(kv) ?? KeyLocks.fromJson(kv.key, kv.value)
  parsed.set(kv, known)
  return known.copy()
}

/** `put` writes this, which is not changed any more. */
export function remember(put: Put, keyLocks: KeyLocks): void {
  parsed.set(put, keyLocks)
}

/** `kv` has the value that is known of the other. */
export function carryOver(from: KeyValue | Put, kv: KeyValue): KeyValue {
  const known = parsed.get(from)
  if (known) parsed.set(kv, known)
  return kv
}
