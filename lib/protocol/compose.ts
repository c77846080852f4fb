import type { KeyValue, LeaseId } from '../kv/key-value.js'
import type { Compare, Op, Put, Transaction, TransactionResult } from '../kv/transaction.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import type { KeyLocks } from '../model/key-locks.js'
import type { Timestamp } from '../model/timestamp.js'
import { handOver, putSuccessors, stillWait, type Successor } from './hand-over.js'
import { putKeyLocks, unchanged } from './key-locks-ops.js'
import { idIn, type LockKey } from './lock-key.js'
import { countOrphans, noUnknownHolders, orphans } from './orphans.js'
import { queueReads } from './queue.js'
import { hasRecord, putsRecord } from './record.js'
import type { Request } from './request.js'
import { hasRoom } from './room.js'
import { applyResult, byId, inOrder, isKeyTaken, keyLocksOf, keyValueOf, type Snapshot } from './snapshot.js'
import { formatTerms } from './terms.js'

/** A request that comes to the lock: it is granted where nobody is before it, and takes a ticket otherwise if it may wait. */
export interface Join {
  readonly request: Request
  /** Since when it holds, if it is granted. */
  readonly created: Timestamp
  /** Written with the grant. */
  readonly extraOps: readonly Op[]
}

/** What a process wants of one lock at one time. */
export interface Wanted {
  /** The ids of holders that leave. The snapshot shows each of them. */
  readonly releases: readonly string[]
  /** In the order in which they came; no id twice. */
  readonly joins: readonly Join[]
  /** How many waiters may be handed the lock; 0 when nobody leaves, and none is known to fit. */
  readonly mostSuccessors: number
  /** Whether to read who waits behind those that are known. True when not given. */
  readonly readsQueue?: boolean
  /** How many of this process wait: of a long queue, more is read at once. 0 when not given. */
  readonly waiting?: number
  /** Whether this process itself waits under an id: it knows the queue then, and need not be told of it. */
  readonly isLocal: (uuid: string) => boolean
}

/** One transaction for all that is wanted. */
export interface Composition {
  readonly transaction: Transaction
  /** The entries of the holders that leave; none for a holder key whose entry was deleted by hand. */
  readonly released: readonly ConcurrentLock[]
  /** Dead entries that it drops. */
  readonly expired: readonly ConcurrentLock[]
  /** The waiters that it hands the lock to. */
  readonly successors: readonly string[]
  /** The ids of the joins that are granted when the transaction succeeds. When it fails, none is. */
  readonly granted: readonly string[]
  /** The tickets of its joins that may wait. Those of the granted are put when the transaction fails. */
  readonly tickets: readonly Put[]
  /** Whether it succeeds only if nobody waits but those that it hands the lock to: the tickets which it takes are the whole queue then. */
  readonly endsQueue: boolean
}

/**
 * Takes holders out of the lock, grants it to the first waiters that fit, and lets requests join: grants it to them where nobody stays
 * before them, puts the tickets of the others. If the snapshot is not true, nobody is granted anything and nobody leaves, the joins take
 * their tickets, and the truth is read.
 *
 * The tickets of a transaction have one revision, so that all waiters see those that join together in the order in which their ids were
 * made (`byCount`).
 * @throws LockUnreadableError
 */
export function compose(seen: Snapshot, wanted: Wanted, now: Timestamp): Composition {
  const snapshot = withoutTicketsAt(seen, wanted.joins)
  const keyLocks = keyLocksOf(snapshot)
  const released = removeAll(keyLocks, wanted.releases)
  const dead = keyLocks.expired({ now, alive: snapshot.holders })
  for (const { uuid } of dead) keyLocks.remove(uuid)
  const room = roomForSuccessors(snapshot, keyLocks, wanted)
  const most = Math.min(wanted.mostSuccessors, room)
  const mayHandOver = most > 0
  const successors = mayHandOver ? handOver(snapshot, keyLocks, now, most) : []
  const joins = wanted.joins.map(comerOf)
  const mayJoin = joins.length > 0 && !staysBefore(snapshot, successors)
  const granted = mayJoin && room >= 0 ? admit(snapshot, keyLocks, joins, now) : []
  const swept = mayJoin && room < 0 ? orphans(snapshot, keyLocksOf(snapshot), wanted.releases) : []
  const endsQueue = granted.length > 0 || (snapshot.tickets.size === 0 && mayHandOver)
  const isWritten = released.length > 0 || successors.length > 0 || granted.length > 0
  const expired = isWritten ? dead : []
  const queued = ticketsOf(snapshot.key, joins.slice(granted.length))
  const tickets = granted.length > 0 ? [...ticketsOf(snapshot.key, granted), ...queued] : queued
  const change = { keyLocks, released, expired, successors, granted, endsQueue, queued, swept }
  return {
    released,
    expired,
    granted: granted.map(({ lock }) => lock.uuid),
    successors: successors.map(({ uuid }) => uuid),
    endsQueue,
    tickets,
    transaction: {
      compare: comparesOf(snapshot, change),
      success: writesOf(snapshot, wanted, change),
      failure: [...tickets, ...queueReads(snapshot.key)],
    },
  }
}

/** Of one transaction. Etcd takes 128 by default. */
const MOST_OPERATIONS = 120

const NO_TICKETS: ReadonlyMap<string, KeyValue> = new Map()

/** A join, and its entry as it is to be. */
interface Comer extends Join {
  readonly lock: ConcurrentLock
}

function comerOf({ request, created, extraOps }: Join): Comer {
  const { uuid, owner, concurrency, ttl } = request
  return {
    request,
    created,
    extraOps,
    lock: ConcurrentLock.toWrite(uuid, { concurrency, created, owner, ttl }),
  }
}

/** The tickets of those that wait. Their entries are as they stay, and printed once. */
function ticketsOf(key: LockKey, joins: readonly Comer[]): Put[] {
  const tickets: Put[] = []
  for (const join of joins) {
    const ticket = ticketOf(key, join)
    if (ticket) tickets.push(ticket)
  }
  return tickets
}

/** Undefined for one that does not wait. */
function ticketOf(key: LockKey, { request, lock }: Comer): Put | undefined {
  const { uuid, ticketLease, holderLease, handoffAllowed, renewed = false } = request
  if (ticketLease === undefined) return undefined
  const value = formatTerms(lock, handoffAllowed ? { renewed, lease: holderLease } : { renewed })
  return { type: 'put', key: key.ticket(uuid), value, lease: ticketLease }
}

/** How many waiters can be handed the lock beside what else is wanted; less than none where the orphans leave the joins no room. */
function roomForSuccessors(
  snapshot: Snapshot,
  keyLocks: KeyLocks,
  { releases, joins, mostSuccessors }: Wanted,
): number {
  if (mostSuccessors === 0 && joins.length === 0) return 0
  const PUT_KEY_LOCKS_AND_READ = 4
  const PUT_HOLDER_AND_DELETE_TICKET = 2
  let left = MOST_OPERATIONS - PUT_KEY_LOCKS_AND_READ
  for (const uuid of releases) left -= hasRecord(snapshot, uuid) ? 2 : 1
  for (const { extraOps } of joins) left -= 1 + extraOps.length
  const orphaned = countOrphans(snapshot, keyLocks, releases)
  // They are deleted one by one or, where that is less, by the ranges between those that stay: each that comes ends one more.
  const beside = Math.floor((left - orphaned) / PUT_HOLDER_AND_DELETE_TICKET)
  const between = Math.floor(
    (left - (keyLocks.locks.size + releases.length + joins.length + 1)) / (PUT_HOLDER_AND_DELETE_TICKET + 1),
  )
  return orphaned === 0 ? Math.max(beside, 0) : Math.max(beside, between)
}

/** What is to become of the lock. */
interface Change extends Pick<Composition, 'released' | 'expired' | 'endsQueue'> {
  /** As it is to be. */
  readonly keyLocks: KeyLocks
  readonly successors: readonly Successor[]
  readonly granted: readonly Comer[]
  /** The tickets of the other joins. */
  readonly queued: readonly Put[]
  /** Orphans that are deleted so that the next transaction has room for a grant ({@link sweep}). */
  readonly swept: readonly Op[]
}

/**
 * Where a ticket of a join goes, none stands: the slot of its id was free. An old snapshot may show the one before it, which the same
 * transaction must not hand the lock to: etcd refuses to delete a key that it also puts.
 */
function withoutTicketsAt(snapshot: Snapshot, joins: readonly Join[]): Snapshot {
  if (snapshot.tickets.size === 0 || joins.length === 0) return snapshot
  const taken = new Set(joins.map(({ request }) => snapshot.key.ticket(request.uuid)))
  let tickets: Map<string, KeyValue> | undefined
  for (const [id, { key }] of snapshot.tickets) {
    if (taken.has(key)) (tickets ??= new Map(snapshot.tickets)).delete(id)
  }
  return tickets ? { ...snapshot, tickets } : snapshot
}

function comparesOf(snapshot: Snapshot, change: Change): Compare[] {
  const { expired, endsQueue, granted, successors } = change
  const compares = unchanged(snapshot)
  if (endsQueue) compares.push(nobodyElse(snapshot))
  compares.push(...stillWait(successors))
  if (expired.length > 0 || successors.length > 0 || granted.length > 0)
    compares.push(...noUnknownHolders(snapshot))
  return compares
}

function writesOf(
  snapshot: Snapshot,
  { releases, isLocal, readsQueue = true, waiting }: Wanted,
  change: Change,
): Op[] {
  const { key, tickets } = snapshot
  const { endsQueue, granted, keyLocks, queued, released, successors, swept } = change
  const isGranting = successors.length > 0 || granted.length > 0
  const ops: Op[] = []
  for (const { extraOps } of granted) ops.push(...extraOps)
  const own: Op[] = []
  for (const uuid of releases)
    if (!isKeyTaken(snapshot, uuid)) own.push({ type: 'delete', key: key.holder(uuid) })
  if (released.length > 0 || isGranting)
    own.push(putKeyLocks(keyLocks, uuid => leaseAfter(uuid, snapshot, change)))
  ops.push(...unlikeLease(own))
  if (successors.length > 0) ops.push(...putSuccessors(snapshot, successors, isLocal))
  for (const comer of granted) ops.push(putHolder(key, comer))
  if (isGranting) ops.push(...orphans(snapshot, keyLocks, releases))
  ops.push(...queued)
  const READ_AND_RECORDS = 3 + releases.length
  if (swept.length > 0) ops.push(...swept.slice(0, MOST_OPERATIONS - READ_AND_RECORDS - ops.length))
  // Who comes next is not known then: what this process releases next would have to read first.
  if (readsQueue && !endsQueue && tickets.size === successors.length) ops.push(...queueReads(key, waiting))
  return ops
}

function leaseAfter(
  uuid: string,
  { holders }: Snapshot,
  { granted, successors }: Change,
): LeaseId | undefined {
  const join = granted.find(({ lock }) => lock.uuid === uuid)
  const successor = successors.find(each => each.uuid === uuid)
  return join?.request.holderLease ?? successor?.lease ?? holders.get(uuid)?.lease
}

function removeAll(keyLocks: KeyLocks, ids: readonly string[]): ConcurrentLock[] {
  const removed: ConcurrentLock[] = []
  for (const uuid of ids) {
    const lock = keyLocks.remove(uuid)
    if (lock) removed.push(lock)
  }
  return removed
}

/** Whether, as far as is known, anybody waits who is not handed the lock. */
function staysBefore({ isWhole, tickets }: Snapshot, successors: readonly Successor[]): boolean {
  return tickets.size > successors.length || !(isWhole || tickets.size === 0)
}

/**
 * The first joins that fit beside the holders, up to the first that does not: nobody is passed. They are added to `keyLocks`, in which
 * none is dead.
 */
function admit(
  snapshot: Snapshot,
  keyLocks: KeyLocks,
  joins: readonly Comer[],
  now: Timestamp,
): readonly Comer[] {
  const end = joins.findIndex(({ request, created, lock }) => {
    const liveness = { now, alive: keyLocks.locks }
    const { uuid } = request
    if (keyLocks.locks.has(uuid) || snapshot.holders.has(uuid) || isKeyTaken(snapshot, uuid)) return true
    if (!keyLocks.fits(request, liveness) || !hasRoom(snapshot, keyLocks, liveness)) return true
    keyLocks.add(lock, liveness)
    // `add` has set it to now.
    lock.updateCreated(created)
    return false
  })
  return end < 0 ? joins : joins.slice(0, end)
}

function putHolder(key: LockKey, { request, extraOps, lock }: Comer): Op {
  const { uuid, holderLease, renewed = false } = request
  const value = formatTerms(lock, { record: putsRecord(extraOps), renewed })
  return { type: 'put', key: key.holder(uuid), value, lease: holderLease }
}

/** Nobody waits but those that the snapshot, which shows the whole queue, tells of. */
function nobodyElse({ key, revision, tickets }: Snapshot): Compare {
  const { key: start, end } = key.tickets
  if (tickets.size === 0) return { target: 'create', key: start, end, is: '=', revision: 0n }
  return { target: 'create', key: start, end, is: '<', revision: revision + 1n }
}

/**
 * The end of a lease deletes its keys in ascending order, on every member alike. A release deletes them in descending order,
 * so that every watcher can tell the two apart.
 */
function unlikeLease(ops: Op[]): Op[] {
  if (ops.length > 2) return ops.sort((a, b) => (a.key < b.key ? 1 : -1))
  // Mostly one holder comes or leaves, and to sort even two keys takes long.
  return ops.length === 2 && ops[0]!.key < ops[1]!.key ? ops.reverse() : ops
}

/**
 * What is true after a composition that was made from `before`. Its own tickets are shown only where no others can stand before
 * them: waiters of other processes may have come since `before` was read.
 */
export function applyComposition(
  before: Snapshot,
  composition: Composition,
  result: TransactionResult,
): Snapshot {
  const { transaction, endsQueue, tickets } = composition
  const ran = result.succeeded ? transaction.success : transaction.failure
  if (ran.at(-1)?.type === 'range') return applyResult(before, transaction, result)
  if (endsQueue) {
    const put = tickets.filter(({ key }) => ran.some(op => op.key === key))
    const queue =
      put.length > 0 ? byId(inOrder(put.map(ticket => keyValueOf(ticket, result.revision)))) : NO_TICKETS
    return { ...applyResult(before, transaction, result), tickets: queue, isWhole: true }
  }
  const unknown = tickets.filter(ticket => !before.tickets.has(idIn(ticket))).map(({ key }) => key)
  // What stood where they are now is gone all the same.
  const success = ran.map((op): Op => (unknown.includes(op.key) ? { type: 'delete', key: op.key } : op))
  return { ...applyResult(before, { ...transaction, success }, result), isWhole: false }
}

/** The ticket at this key, of a join that was not granted, as the transaction has put it; undefined for one that does not wait. */
export function ticketAt(path: string, { tickets }: Composition, revision: bigint): KeyValue | undefined {
  const ticket = tickets.find(({ key }) => key === path)
  return ticket && keyValueOf(ticket, revision)
}
