import type { Op, Transaction } from '../kv/transaction.js'
import type { Timestamp } from '../model/timestamp.js'
import { decide } from './decide.js'
import { grant, isFirst } from './grant.js'
import { unchanged } from './key-locks-ops.js'
import { fitIntoOne } from './lock-set.js'
import { noUnknownHolders } from './orphans.js'
import { queueReads } from './queue.js'
import type { Request } from './request.js'
import { keyLocksOf, type Snapshot } from './snapshot.js'

/** What a waiting set asks of one of its locks. */
export interface Asked {
  readonly snapshot: Snapshot
  readonly request: Request
  /** Since when it holds, if it is granted. */
  readonly created: Timestamp
}

/** A lock that is left, and the transaction that leaves it. */
export interface Left {
  readonly snapshot: Snapshot
  readonly transaction: Transaction
}

/** Releases of several locks that grant sets all that they ask for. */
export interface SetHandOver {
  /** The ids of the sets. */
  readonly granted: readonly string[]
  /** First those of the locks that are left, in their order; then those that the sets ask for besides. */
  readonly locks: readonly Left[]
}

/**
 * Lets the sets have their turn that become free when `uuid` leaves these locks: those that are first in all their queues then. All that a
 * set is granted is compared, as in a grant of its own, so that it is granted all or nothing, and nothing once it has left its queues. What does
 * not fit into one transaction is left to the sets themselves.
 * @param waiting the sets of this process that wait. No two of those that become free want the same lock, since one of them is the first.
 * @param spare how many operations the transaction has besides.
 * @throws LockUnreadableError
 */
export function handOverSets(
  left: readonly Left[],
  uuid: string,
  waiting: readonly (readonly Asked[])[],
  now: Timestamp,
  spare: number,
): SetHandOver {
  let done: SetHandOver = { granted: [], locks: left }
  for (const set of waiting) {
    const more = grantedWith(done, left.length, uuid, set, now)
    const transactions = more?.locks.map(({ transaction }) => transaction) ?? []
    if (more && fitIntoOne(transactions, spare)) done = more
  }
  return done
}

/**
 * Undefined when the set has to wait for more.
 * @param leaving how many of the locks `uuid` leaves: the first. It may hold others, and goes on to.
 */
function grantedWith(
  { granted, locks }: SetHandOver,
  leaving: number,
  uuid: string,
  set: readonly Asked[],
  now: Timestamp,
): SetHandOver | undefined {
  const parts = set.map((asked): Part & { readonly at: number } => {
    const at = locks.findIndex(({ snapshot }) => snapshot.key.path === asked.snapshot.key.path)
    // A set that has its turn already is the first in the queues of its locks.
    const snapshot = locks[at]?.snapshot ?? asked.snapshot
    const leaves = at >= 0 && at < leaving
    return { ...asked, at, leaves, snapshot, after: leaves ? withoutHolder(snapshot, uuid) : snapshot }
  })
  const total = locks.length + parts.filter(({ at }) => at < 0).length
  const isFree = parts.every(({ after, snapshot, request }) => {
    const step = decide(after, request, now, total)
    return snapshot.tickets.has(request.uuid) && step.kind === 'grant'
  })
  if (!isFree) return undefined
  const all = [...locks]
  for (const part of parts) {
    const { at, snapshot } = part
    const lock = { snapshot, transaction: passOn(part, uuid, now) }
    if (at < 0) all.push(lock)
    else all[at] = lock
  }
  return { granted: [...granted, set[0]!.request.uuid], locks: all }
}

/** A lock that a set asks for. */
interface Part extends Asked {
  /** Whether the release takes its holder out of it. */
  readonly leaves: boolean
  /** As it is to be before the set is granted it. */
  readonly after: Snapshot
}

/** Takes the holder out of the lock, if it leaves that, and grants it to the first that waits. */
function passOn(
  { snapshot, after, leaves, request, created }: Part,
  uuid: string,
  now: Timestamp,
): Transaction {
  const { key, holders } = snapshot
  const { transaction } = grant(after, request, now, { created, reads: queueReads })
  const leaving: Op[] = leaves && holders.has(uuid) ? [{ type: 'delete', key: key.holder(uuid) }] : []
  return {
    compare: [...unchanged(snapshot), ...isFirst(snapshot, request), ...noUnknownHolders(snapshot)],
    success: [...leaving, ...transaction.success],
    failure: transaction.failure,
  }
}

/** As it is to be when this holder has left, which may have an entry and no holder key. */
function withoutHolder(snapshot: Snapshot, uuid: string): Snapshot {
  const holders = new Map(snapshot.holders)
  const keyLocks = keyLocksOf(snapshot)
  const isListed = keyLocks.remove(uuid) !== undefined
  if (!holders.delete(uuid) && !isListed) return snapshot
  const isHeld = keyLocks.locks.size > 0
  const kv = isHeld && snapshot.keyLocks ? { ...snapshot.keyLocks, value: keyLocks.toJson() } : undefined
  return { ...snapshot, holders, keyLocks: kv }
}
