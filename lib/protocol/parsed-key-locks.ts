import type { KeyValue } from '../kv/key-value.js'
import { KeyLocks } from '../model/key-locks.js'

/** The KeyLocks that this process has parsed or written last of each lock, which is not changed, and its text. */
const parsed = new Map<string, { readonly text: string; readonly keyLocks: KeyLocks }>()
const MOST = 1_000

/** A copy, which may be changed. What was written or parsed a moment ago is not parsed again. @throws LockUnreadableError */
export function parseKeyLocks({ key, value }: KeyValue): KeyLocks {
  const known = parsed.get(key)
  if (known?.text === value) return known.keyLocks.copy()
  const keyLocks = KeyLocks.fromJson(key, value)
  remember(keyLocks, value)
  return keyLocks.copy()
}

/** This is its text. It is not changed any more. */
export function remember(keyLocks: KeyLocks, text: string): void {
  if (parsed.size >= MOST && !parsed.has(keyLocks.key)) parsed.clear()
  parsed.set(keyLocks.key, { text, keyLocks })
}
