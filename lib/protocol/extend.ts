import type { LeaseId } from '../kv/key-value.js'
import type { Transaction } from '../kv/transaction.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import { KeyLocks } from '../model/key-locks.js'
import type { Timestamp } from '../model/timestamp.js'
import { putKeyLocks, unchanged } from './key-locks-ops.js'
import { keyLocksOf, type Snapshot, snapshotReads } from './snapshot.js'
import { formatTerms } from './terms.js'

export interface Extension {
  readonly uuid: string
  /** Seconds, from now. */
  readonly ttl: number
  /** A lease of that ttl. */
  readonly lease: LeaseId
}

/** Gives a holder a new `created` and `ttl`. Undefined when it does not hold (any more). */
export function extend(
  snapshot: Snapshot,
  { uuid, ttl, lease }: Extension,
  now: Timestamp,
): Transaction | undefined {
  const { key, holders } = snapshot
  const current = keyLocksOf(snapshot)
  const lock = current.locks.get(uuid)
  const holder = holders.get(uuid)
  if (!lock || !holder) return undefined
  const extended = ConcurrentLock.fromDict(uuid, { ...lock.toDict(), ttl, created: String(now) })
  const entries = [...current.locks.values()].map(entry => (entry === lock ? extended : entry))
  const leases = new Map([...holders].map(([id, kv]) => [id, kv.lease]))
  leases.set(uuid, lease)
  return {
    compare: [
      ...unchanged(snapshot),
      { target: 'create', key: holder.key, is: '=', revision: holder.createRevision },
    ],
    success: [
      putKeyLocks(new KeyLocks(key.path, entries), leases),
      { type: 'put', key: holder.key, value: formatTerms(extended), lease },
    ],
    failure: snapshotReads(key),
  }
}
