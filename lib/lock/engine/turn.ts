import { unconditionally } from '../../kv/transaction.js'
import type { Timestamp } from '../../model/timestamp.js'
import { compose, type Composition, type Join } from '../../protocol/compose.js'
import { decide } from '../../protocol/decide.js'
import { handOver } from '../../protocol/hand-over.js'
import { deleteRecords } from '../../protocol/record.js'
import { scopeOf } from '../../protocol/scope.js'
import { emptySnapshot, keyLocksOf, showsHolder, type Snapshot } from '../../protocol/snapshot.js'

/** A holder that leaves. */
export interface ReleaseIntent {
  readonly kind: 'release'
  readonly uuid: string
  /** How many waiters may be handed the lock. */
  readonly mostSuccessors: number
}

/** A request that comes, without a ticket. */
export interface JoinIntent {
  readonly kind: 'join'
  readonly uuid: string
  readonly join: Join
}

/** What one caller wants of a lock, and what it has seen of it. */
export type Intent = (ReleaseIntent | JoinIntent) & {
  readonly from: Snapshot
  /** Etcd has refused a transaction that it was part of: it is tried alone, so that it is known whose fault that was. */
  readonly isAlone?: boolean
}

/** What is sent next for one lock. */
export interface Turn<I extends Intent> {
  /** What it was composed from. */
  readonly before: Snapshot
  readonly composition: Composition
  /** None in one that does nothing but hand the lock over. */
  readonly taken: readonly I[]
}

/** Of one transaction, so that it stays within what etcd takes: 128 operations. The waiters that are handed the lock get what is left. */
export const MOST_JOINS = 32
const MOST_RELEASES = 32

/** What becomes of a line of intents. */
export interface Sorted<I extends Intent> {
  readonly turn: Turn<I> | undefined
  /** Releases of holders that nothing shows: their callers have to read. */
  readonly unseen: readonly I[]
  /** What waits for a later turn. */
  readonly left: I[]
}

/**
 * Takes from the line what travels in one transaction.
 * @param cached what this process saw last.
 * @param handsOver whether waiters are handed the lock though nobody leaves, since the last transaction could not take all that fit.
 * @param waiting how many of this process wait.
 */
export function nextTurn<I extends Intent>(
  line: readonly I[],
  cached: Snapshot,
  now: Timestamp,
  isLocal: (uuid: string) => boolean,
  handsOver = false,
  waiting = 0,
): Sorted<I> {
  let seen = cached
  for (const { from } of line) if (from.revision > seen.revision) seen = from
  const { unseen, ...sorted } = sort(line, seen)
  const isHandOver = handsOver && hasSuccessor(seen, now)
  const { taken, left } = isHandOver ? withoutAlone(sorted) : sorted
  if (taken.length === 0 && !isHandOver) return { turn: undefined, unseen, left }
  const joins: Join[] = []
  const releases: string[] = []
  const onlyJoins = !isHandOver && taken.every(({ kind }) => kind === 'join')
  let mostSuccessors = onlyJoins ? 0 : Infinity
  for (const each of taken) {
    if (each.kind === 'join') joins.push(each.join)
    else {
      releases.push(each.uuid)
      mostSuccessors = Math.min(mostSuccessors, each.mostSuccessors)
    }
  }
  const before = onlyJoins ? guessFor(joins[0]!, seen, now) : seen
  const composition = compose(before, { releases, joins, mostSuccessors, waiting, isLocal }, now)
  return {
    turn: { before, composition: withoutRecords(composition, before, releases, joins), taken },
    unseen,
    left,
  }
}

/** Whether the first that is known to wait may be handed the lock as it is. @throws LockUnreadableError */
export function hasSuccessor(seen: Snapshot, now: Timestamp): boolean {
  return seen.tickets.size > 0 && handOver(seen, keyLocksOf(seen), now, 1).length > 0
}

/** Relukko's records of the holders that leave go with them. */
function withoutRecords(
  composition: Composition,
  before: Snapshot,
  releases: readonly string[],
  joins: readonly Join[],
): Composition {
  const { compare, success: writes, failure } = composition.transaction
  const records = deleteRecords(before, releases)
  const success = records.length > 0 ? [...records, ...writes] : writes
  // Nothing else that is composed touches a record.
  const beside = [...records]
  for (const { extraOps } of joins) beside.push(...extraOps)
  const scope = scopeOf([before.key], beside.length > 0 ? [unconditionally(...beside)] : [])
  return { ...composition, transaction: { compare, success, failure, scope } }
}

interface Taken<I> {
  readonly taken: I[]
  readonly left: I[]
}

/** The first that is not unseen is taken, and all that may travel with it: no id twice. */
function sort<I extends Intent>(line: readonly I[], seen: Snapshot): Taken<I> & { unseen: I[] } {
  const [taken, unseen, left]: [I[], I[], I[]] = [[], [], []]
  const room = { release: MOST_RELEASES, join: MOST_JOINS }
  for (const each of line) {
    const { kind, uuid, isAlone } = each
    const isFirst = taken.length === 0
    if (kind === 'release' && !showsHolder(seen, uuid)) unseen.push(each)
    else if (isFirst || !(isAlone || taken[0]!.isAlone || room[kind] === 0 || hasId(taken, uuid))) {
      taken.push(each)
      room[kind]--
    } else left.push(each)
  }
  return { taken, unseen, left }
}

/** With a hand-over, which may be refused for the lease of a waiter, whoever is tried alone does not travel: it goes next. */
function withoutAlone<I extends Intent>({ taken, left }: Taken<I>): Taken<I> {
  return taken[0]?.isAlone ? { taken: [], left: [...taken, ...left] } : { taken, left }
}

function hasId(intents: readonly Intent[], uuid: string): boolean {
  return intents.some(each => each.uuid === uuid)
}

/** Where nothing is known that lets it in, it tries what costs nothing when it is wrong: nobody holds and nobody waits. */
function guessFor({ request }: Join, seen: Snapshot, now: Timestamp): Snapshot {
  return decide(seen, request, now).kind === 'grant' ? seen : emptySnapshot(seen.key)
}
