import type { Compare, Op } from '../kv/transaction.js'
import type { KeyLocks } from '../model/key-locks.js'
import { modRevisionOf, type Snapshot } from './snapshot.js'

/**
 * A holder key comes and goes with its entry, so that the KeyLocks tells of every change, except when
 * somebody deleted the KeyLocks by hand: then its holder keys, unseen, would stay.
 */
export function noneUnseen(snapshot: Snapshot): Compare[] {
  if (modRevisionOf(snapshot) !== 0n) return []
  const newest = [...snapshot.holders.values()].reduce(
    (max, kv) => (kv.modRevision > max ? kv.modRevision : max),
    0n,
  )
  return [{ target: 'mod', ...snapshot.key.holders, is: '<', revision: newest + 1n }]
}

/** Holder keys whose entry was removed by hand. Whoever removed it freed the lock; its holder shall see that. */
export function orphans({ holders }: Snapshot, keyLocks: KeyLocks, except?: string): Op[] {
  return [...holders]
    .filter(([id]) => id !== except && !keyLocks.locks.has(id))
    .map(([, kv]) => ({ type: 'delete', key: kv.key }))
}
