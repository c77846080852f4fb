import type { LeaseId } from '../kv/key-value.js'
import type { Op, Transaction } from '../kv/transaction.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import { KeyLocks } from '../model/key-locks.js'
import type { Timestamp } from '../model/timestamp.js'
import { isTtl } from '../model/ttl.js'
import { putKeyLocks, unchanged } from './key-locks-ops.js'
import { hasRecord, putsRecord } from './record.js'
import { keyLocksOf, type Snapshot, snapshotReads } from './snapshot.js'
import { formatTerms, isRenewed, parseTerms, sinceOf } from './terms.js'

export interface Extension {
  readonly uuid: string
  /** Seconds, from now. */
  readonly ttl: number
  /** A lease of that ttl. */
  readonly lease: LeaseId
  /** A new one; the old one when not given. */
  readonly owner?: string
  /** To be written in the same transaction. */
  readonly extraOps?: readonly Op[]
}

/** What a holder was promised when it was granted, or extended, its holding last. */
export interface Promised {
  /** Seconds: its time may reach so far from any moment at which its lease was granted or renewed. */
  readonly ttl: number
  readonly isRenewed: boolean
  readonly lease: LeaseId | undefined
}

/** What the holder `uuid` relies on; undefined when it does not hold (any more). @throws LockUnreadableError */
export function promisedTo(snapshot: Snapshot, uuid: string): Promised | undefined {
  const entry = keyLocksOf(snapshot).locks.get(uuid)
  const holder = snapshot.holders.get(uuid)
  if (!entry || !holder) return undefined
  const { ttl, renewed } = parseTerms(holder.value) ?? {}
  return {
    ttl: Math.max(entry.ttl, isTtl(ttl) ? ttl : 0),
    isRenewed: renewed === true,
    lease: holder.lease,
  }
}

/** Gives a holder a new `created` and `ttl`, or also a new owner. Undefined when it does not hold (any more). */
export function extend(
  snapshot: Snapshot,
  { uuid, ttl, lease, owner, extraOps = [] }: Extension,
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
  const leaseOf = (id: string): LeaseId | undefined => (id === uuid ? lease : holders.get(id)?.lease)
  const record = putsRecord(extraOps) || hasRecord(snapshot, uuid)
  const renewed = isRenewed(holder)
  const since = String(sinceOf(holder, lock.created))
  return {
    compare: [
      ...unchanged(snapshot),
      { target: 'create', key: holder.key, is: '=', revision: holder.createRevision },
    ],
    success: [
      putKeyLocks(new KeyLocks(key.path, entries), leaseOf),
      { type: 'put', key: holder.key, value: formatTerms(extended, { record, since, renewed }), lease },
      ...extraOps,
    ],
    failure: snapshotReads(key),
  }
}
