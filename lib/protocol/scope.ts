import type { Transaction } from '../kv/transaction.js'
import { LockKey } from './lock-key.js'

/**
 * The scope of transactions that touch nothing but the keys of these locks, and records: no other lock has any of them, but a
 * record belongs to an id, which may hold several.
 */
export function scopeOf(keys: readonly LockKey[], transactions: readonly Transaction[]): string[] {
  const scope = keys.map(({ path }) => path)
  const records = LockKey.records.key
  for (const { success, failure } of transactions) {
    for (const { key } of success) if (key.startsWith(records)) scope.push(key)
    for (const { key } of failure) if (key.startsWith(records)) scope.push(key)
  }
  return scope
}
