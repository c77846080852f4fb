import type { LeaseId } from '../kv/key-value.js'
import type { Compare, Op } from '../kv/transaction.js'
import type { KeyLocks } from '../model/key-locks.js'
import { remember } from './parsed-key-locks.js'
import { modRevisionOf, type Snapshot } from './snapshot.js'

/** The KeyLocks is as in the snapshot; with it stands all that was decided from it. */
export function unchanged(snapshot: Snapshot): Compare[] {
  return [{ target: 'mod', key: snapshot.key.path, is: '=', revision: modRevisionOf(snapshot) }]
}

/**
 * Writes the KeyLocks, which is not to be changed afterwards, or deletes it when no holder is left. A sole holder's lease takes it along, so that a
 * crash leaves nothing behind.
 */
export function putKeyLocks(keyLocks: KeyLocks, leaseOf: (uuid: string) => LeaseId | undefined): Op {
  const { locks } = keyLocks
  const [first] = locks.keys()
  if (first === undefined) return { type: 'delete', key: keyLocks.key }
  const lease = locks.size === 1 ? leaseOf(first) : undefined
  const value = keyLocks.toJson()
  remember(keyLocks, value)
  return { type: 'put', key: keyLocks.key, value, lease }
}
