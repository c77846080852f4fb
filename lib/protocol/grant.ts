import type { LeaseId } from '../kv/key-value.js'
import type { Compare, Op, Transaction } from '../kv/transaction.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import type { Timestamp } from '../model/timestamp.js'
import { putKeyLocks, unchanged } from './key-locks-ops.js'
import type { LockKey } from './lock-key.js'
import { noUnknownHolders, orphans } from './orphans.js'
import { putsRecord } from './record.js'
import type { Request } from './request.js'
import { keyLocksOf, type Snapshot, snapshotReads } from './snapshot.js'
import { formatTerms } from './terms.js'

export interface Grant {
  readonly transaction: Transaction
  /** The dead entries that it drops. */
  readonly expired: readonly ConcurrentLock[]
}

export interface GrantOptions {
  /** Since when it is held. */
  readonly created?: Timestamp
  /** To be written in the same transaction. */
  readonly extraOps?: readonly Op[] | undefined
  /** How the truth is read: the whole queue when not given. */
  readonly reads?: (key: LockKey) => readonly Op[]
}

/**
 * Takes the lock, as held since `created`, if the snapshot is true: the queue is empty, or its first ticket is this request's. If
 * it is not true, takes a ticket (where the request has a lease for one and none stands) and reads the truth.
 * @throws LockUnavailableError, LockExistingError when the request does not fit into the snapshot.
 */
export function grant(
  snapshot: Snapshot,
  request: Request,
  now: Timestamp,
  { created = now, extraOps = [], reads = snapshotReads }: GrantOptions = {},
): Grant {
  const { key, holders } = snapshot
  const { renewed = false } = request
  const lock = lockOf(request, created)
  const keyLocks = keyLocksOf(snapshot)
  const expired = keyLocks.add(lock, { now, alive: holders })
  // `add` has set it to now.
  lock.updateCreated(created)
  const leaseOf = (id: string): LeaseId | undefined =>
    id === request.uuid ? request.holderLease : holders.get(id)?.lease
  const ticket = snapshot.tickets.get(request.uuid)
  return {
    expired,
    transaction: {
      compare: [...unchanged(snapshot), ...isFirst(snapshot, request), ...noUnknownHolders(snapshot)],
      success: [
        ...extraOps,
        putKeyLocks(keyLocks, leaseOf),
        {
          type: 'put',
          key: key.holder(request.uuid),
          value: formatTerms(lock, { record: putsRecord(extraOps), renewed }),
          lease: request.holderLease,
        },
        ...(ticket ? [{ type: 'delete' as const, key: ticket.key }] : []),
        ...orphans(snapshot, keyLocks),
        // Waiters that came meanwhile: the next release hands over to them, from this snapshot.
        ...(ticket && request.handoffAllowed ? reads(key) : []),
      ],
      failure: [...(ticket ? [] : putTicket(snapshot, request, lock)), ...reads(key)],
    },
  }
}

function lockOf({ uuid, owner, concurrency, ttl }: Request, created: Timestamp): ConcurrentLock {
  return ConcurrentLock.toWrite(uuid, { concurrency, created, owner, ttl })
}

function putTicket({ key }: Snapshot, request: Request, lock: ConcurrentLock): Op[] {
  const { ticketLease, holderLease, handoffAllowed, renewed = false } = request
  if (ticketLease === undefined) return []
  const value = formatTerms(lock, { renewed, ...(handoffAllowed && { lease: holderLease }) })
  return [{ type: 'put', key: key.ticket(request.uuid), value, lease: ticketLease }]
}

/** The request's ticket stands and none is older; for a request without a ticket, the queue is empty. */
export function isFirst({ key, tickets }: Snapshot, { uuid }: Request): Compare[] {
  const mine = tickets.get(uuid)
  if (!mine) return [{ target: 'create', ...key.tickets, is: '=', revision: 0n }]
  return [
    { target: 'create', key: mine.key, is: '=', revision: mine.createRevision },
    { target: 'create', ...key.tickets, is: '>', revision: mine.createRevision - 1n },
  ]
}
