import { byBytes, isWithin } from '../kv/key-value.js'
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

/**
 * Deletes the holder keys whose entry was removed by hand: whoever removed it freed the lock, and its holder shall see that.
 * There may be more of them than etcd takes operations, so that they go by the ranges between those that stay.
 */
export function orphans({ key, holders }: Snapshot, keyLocks: KeyLocks, except?: string): Op[] {
  const staying = [...keyLocks.locks.keys(), ...(except === undefined ? [] : [except])]
  const bounds = staying.map(id => key.holder(id)).sort(byBytes)
  const starts = [key.holders.key, ...bounds.map(bound => `${bound}\0`)]
  const gaps = starts.map((start, at) => ({ key: start, end: bounds[at] ?? key.holders.end! }))
  return gaps
    .filter(gap => [...holders.values()].some(holder => isWithin(holder.key, gap)))
    .map(gap => ({ type: 'delete', ...gap }))
}
