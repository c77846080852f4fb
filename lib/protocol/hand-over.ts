import type { KeyValue, LeaseId } from '../kv/key-value.js'
import type { Compare, Op } from '../kv/transaction.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import type { KeyLocks } from '../model/key-locks.js'
import type { Timestamp } from '../model/timestamp.js'
import { toldTickets } from './queue.js'
import { hasRoom } from './room.js'
import { isKeyTaken, type Snapshot } from './snapshot.js'
import { formatTerms, parseTerms } from './terms.js'

/**
 * Seconds. Waiters with a longer ttl take the lock by themselves: a waiter that has just died would hold what it is handed for as
 * long as its lease lasts.
 */
const LONGEST_HANDED_TTL = 60
/** Bounds one transaction. The waiters beyond it are handed the lock by the next. */
const MOST_AT_ONCE = 48

/** Whether a release may grant the lock to a waiter of this ttl. */
export function mayBeHandedOver(ttl: number): boolean {
  return ttl <= LONGEST_HANDED_TTL
}

/** A waiter that a release grants the lock to. */
export interface Successor {
  readonly uuid: string
  readonly ticket: KeyValue
  readonly lock: ConcurrentLock
  /** The lease that it keeps for its holder key. */
  readonly lease: LeaseId
  readonly renewed: boolean
}

/**
 * The first waiters that fit beside the remaining holders, in the order of arrival, up to the first that does not fit:
 * no waiter is passed. They are added to `keyLocks`.
 */
export function handOver(snapshot: Snapshot, keyLocks: KeyLocks, now: Timestamp, most: number): Successor[] {
  const successors: Successor[] = []
  if (snapshot.tickets.size === 0) return successors
  const alive = new Set(snapshot.holders.keys())
  for (const [uuid, ticket] of snapshot.tickets) {
    // Whoever it is that waits: its ticket need not be read.
    if (!keyLocks.fits({ concurrency: 0 }, { now, alive })) break
    const successor = successorOf(uuid, ticket, now)
    if (!successor || alive.has(uuid) || keyLocks.locks.has(uuid) || isKeyTaken(snapshot, uuid)) break
    if (successors.length === Math.min(most, MOST_AT_ONCE)) break
    if (!keyLocks.fits(successor.lock, { now, alive })) break
    if (!hasRoom(snapshot, keyLocks, { now, alive })) break
    keyLocks.add(successor.lock, { now, alive })
    alive.add(uuid)
    successors.push(successor)
  }
  return successors
}

/** The successors still wait. No older waiter can have come: the queue grows at its end. */
export function stillWait(successors: readonly Successor[]): Compare[] {
  return successors.map(({ ticket: { key, createRevision } }) => ({
    target: 'create',
    key,
    is: '=',
    revision: createRevision,
  }))
}

/**
 * @param successors the first in the queue. The holder key of a sole holder tells of the tickets behind it, unless `isLocal` says that its
 * process knows; several holders cannot know each other from their holder keys, and have to read anyway.
 */
export function putSuccessors(
  { key, tickets }: Snapshot,
  successors: readonly Successor[],
  isLocal: (uuid: string) => boolean,
): Op[] {
  const isTold = ({ uuid, lock }: Successor): boolean => lock.concurrency === 1 && !isLocal(uuid)
  const told = successors.some(isTold) ? toldTickets([...tickets.values()].slice(successors.length)) : []
  return successors.flatMap((successor): Op[] => {
    const { uuid, lock, lease, renewed, ticket } = successor
    const value = formatTerms(lock, { renewed, queue: isTold(successor) ? told : [] })
    return [
      { type: 'put', key: key.holder(uuid), value, lease },
      { type: 'delete', key: ticket.key },
    ]
  })
}

/** Undefined for a ticket that is not to be handed the lock: its owner takes it by itself when it is first. */
function successorOf(uuid: string, ticket: KeyValue, now: Timestamp): Successor | undefined {
  const terms = parseTerms(ticket.value)
  if (!terms?.lease || !/^[1-9]\d{0,18}$/.test(terms.lease)) return undefined
  const { concurrency, owner, ttl, lease } = terms
  const renewed = terms.renewed === true
  try {
    const lock = ConcurrentLock.toWrite(uuid, { concurrency, owner, ttl, created: now })
    return ttl <= LONGEST_HANDED_TTL ? { uuid, ticket, lock, lease, renewed } : undefined
  } catch {
    return undefined
  }
}
