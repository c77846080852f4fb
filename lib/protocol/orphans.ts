import { byBytes, isWithin } from '../kv/key-value.js'
import type { Compare, Op, Transaction } from '../kv/transaction.js'
import type { KeyLocks } from '../model/key-locks.js'
import { unchanged } from './key-locks-ops.js'
import { fitIntoOne, MAX_TXN_OPS } from './lock-set.js'
import { keyLocksOf, newestHolder, type Snapshot } from './snapshot.js'

/**
 * No holder key stands that the snapshot does not know. A transaction that writes the KeyLocks without this compare could
 * - leave holder keys behind, or grant beside them, that outlived a KeyLocks which was deleted by hand and has left no trace;
 * - drop a living entry for its missing holder key: a waiter is told of the KeyLocks and of the holder keys by two watches. When a grant
 *   has put both, and the first watch has told of the entry while the second is late, the entry looks dead.
 *
 * One range compare is enough for both, since the known holder keys are those of one revision R: all puts up to R are known (a watch
 * tells all, in their order), and what was deleted since does no harm. So whatever stands unknown was put after R, and is newer than
 * the newest that is known.
 *
 * Nothing is compared where the KeyLocks, which every such transaction compares, says as much (`knowsHolders`): etcd keeps each holder key that
 * ever stood until its next compaction, and passes all of them for this compare.
 *
 * The second case needs something else to go wrong, too: while a ticket stands as the first, only its owner is granted anything, alone or
 * with those behind, and every grant compares its ticket.
 */
export function noUnknownHolders(snapshot: Snapshot): Compare[] {
  if (snapshot.knowsHolders) return []
  const { key, end } = snapshot.key.holders
  return [{ target: 'mod', key, end, is: '<', revision: newestHolder(snapshot) + 1n }]
}

/** How many holder keys have no entry, of those that are to stay. */
export function countOrphans(
  { holders }: Snapshot,
  { locks }: KeyLocks,
  except: readonly string[] = [],
): number {
  let count = 0
  for (const id of holders.keys()) if (!locks.has(id) && !except.includes(id)) count++
  return count
}

/**
 * Deletes the holder keys whose entry was removed by hand: that freed the lock, and its holder must see it.
 * There may be more of them than etcd takes operations, so that they go by the ranges between those that stay.
 */
export function orphans(snapshot: Snapshot, keyLocks: KeyLocks, except: readonly string[] = []): Op[] {
  if (countOrphans(snapshot, keyLocks, except) === 0) return []
  const { key, holders } = snapshot
  const staying = [...keyLocks.locks.keys(), ...except]
  const bounds = staying.map(id => key.holder(id)).sort(byBytes)
  const starts = [key.holders.key, ...bounds.map(bound => `${bound}\0`)]
  const gaps = starts.map((start, at) => ({ key: start, end: bounds[at] ?? key.holders.end }))
  return gaps
    .filter(gap => [...holders.values()].some(holder => isWithin(holder.key, gap)))
    .map(gap => ({ type: 'delete', ...gap }))
}

/**
 * Where etcd takes these grants, one for each snapshot, not as one transaction for want of operations: deletes as many orphans as it takes, and
 * grants nothing. The grants are made anew from what is left. Undefined where they fit.
 *
 * No orphan may stay beside a grant, to be deleted by a later one:
 *
 *     H holds · its entry is deleted by hand · N is granted the lock, and the holder key of H stays · H writes through its guard
 *
 * That write compares the holder key, and that some KeyLocks stands: it would be applied while N holds.
 *
 * Whoever's holder key was put by the time of this KeyLocks, which has no entry of it, is an orphan, also one that the snapshot does not show;
 * entries whose holder keys are not seen yet count as they stand. So the KeyLocks is all that is compared.
 */
export function sweep(
  snapshots: readonly Snapshot[],
  grants: readonly Transaction[],
): Transaction[] | undefined {
  if (fitIntoOne(grants, 0)) return undefined
  let left = MAX_TXN_OPS
  const sweeps = snapshots.map((snapshot, at): Transaction => {
    const success = orphans(snapshot, keyLocksOf(snapshot)).slice(0, left)
    left -= success.length
    return { compare: unchanged(snapshot), success, failure: grants[at]!.failure }
  })
  return left < MAX_TXN_OPS ? sweeps : undefined
}
