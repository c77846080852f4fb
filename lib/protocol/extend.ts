import type { LeaseId } from '../kv/key-value.js'
import type { Op, Transaction } from '../kv/transaction.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import { KeyLocks } from '../model/key-locks.js'
import type { Timestamp } from '../model/timestamp.js'
import { putKeyLocks, unchanged } from './key-locks-ops.js'
import { hasRecord, putsRecord } from './record.js'
import { keyLocksOf, type Snapshot, snapshotReads } from './snapshot.js'
import { formatTerms } from './terms.js'

export interface Extension {
  readonly uuid: string
  /** Seconds, from now. */
  readonly ttl: number
  /** A lease of that ttl. */
  readonly lease: LeaseId
  /** A new one; the old one when not given. */
  readonly owner?: string
  /** To be written in the same transaction. */
  readonly alongside?: readonly Op[]
}

/** Gives a holder a new `created` and `ttl`, or also a new owner. Undefined when it does not hold (any more). */
export function extend(
  snapshot: Snapshot,
  { uuid, ttl, lease, owner, alongside = [] }: Extension,
  now: Timestamp,
): Transaction | undefined {
  const { key, holders } = snapshot
  const current = keyLocksOf(snapshot)
  const lock = current.locks.get(uuid)
  const holder = holders.get(uuid)
  if (!lock || !holder) return undefined
  const extended = ConcurrentLock.fromDict(uuid, {
    ...lock.toDict(),
    ttl,
    created: String(now),
    ...(owner !== undefined && { owner }),
  })
  const entries = [...current.locks.values()].map(entry => (entry === lock ? extended : entry))
  const leases = new Map([...holders].map(([id, kv]) => [id, kv.lease]))
  leases.set(uuid, lease)
  const record = putsRecord(alongside) || hasRecord(snapshot, uuid)
  return {
    compare: [
      ...unchanged(snapshot),
      { target: 'create', key: holder.key, is: '=', revision: holder.createRevision },
    ],
    success: [
      putKeyLocks(new KeyLocks(key.path, entries), leases),
      { type: 'put', key: holder.key, value: formatTerms(extended, { record }), lease },
      ...alongside,
    ],
    failure: snapshotReads(key),
  }
}
