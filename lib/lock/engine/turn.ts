import type { Timestamp } from '../../model/timestamp.js'
import { compose, type Composition, type Join } from '../../protocol/compose.js'
import { decide } from '../../protocol/decide.js'
import { deleteRecords } from '../../protocol/record.js'
import { scopeOf } from '../../protocol/scope.js'
import { emptySnapshot, showsHolder, type Snapshot } from '../../protocol/snapshot.js'

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
  readonly taken: readonly I[]
}

/** Of one transaction, so that it stays within what etcd takes: 128 operations, each join and each hand-over takes up to three. */
export const MOST_JOINS = 24
const MOST_RELEASES = 16

/**
 * Takes from the line what travels in one transaction. `unseen` are releases of holders that nothing shows: their callers have to
 * read.
 * @param cached what this process saw last.
 */
export function nextTurn<I extends Intent>(
  line: readonly I[],
  cached: Snapshot,
  now: Timestamp,
  isLocal: (uuid: string) => boolean,
): { readonly turn: Turn<I> | undefined; readonly unseen: readonly I[] } {
  const seen = line.reduce((newest, { from }) => (from.revision > newest.revision ? from : newest), cached)
  const unseen = line.filter(each => each.kind === 'release' && !showsHolder(seen, each.uuid))
  const taken = together(line.filter(each => !unseen.includes(each)))
  if (taken.length === 0) return { turn: undefined, unseen }
  const releases = taken.flatMap(each => (each.kind === 'release' ? [each as ReleaseIntent] : []))
  const joins = taken.flatMap(each => (each.kind === 'join' ? [each.join] : []))
  const before = releases.length > 0 ? seen : guessFor(joins[0]!, seen, now)
  const wanted = {
    releases: releases.map(({ uuid }) => uuid),
    joins,
    mostSuccessors: Math.min(...releases.map(each => each.mostSuccessors)),
    isLocal,
  }
  const composition = withoutRecords(compose(before, wanted, now), before, wanted.releases)
  return { turn: { before, composition, taken }, unseen }
}

/** Relukko's records of the holders that leave go with them. */
function withoutRecords(
  composition: Composition,
  before: Snapshot,
  releases: readonly string[],
): Composition {
  const { transaction } = composition
  const whole = { ...transaction, success: [...deleteRecords(before, releases), ...transaction.success] }
  return { ...composition, transaction: { ...whole, scope: scopeOf([before.key], [whole]) } }
}

/** The first in the line, and all that may travel with it: no id twice. */
function together<I extends Intent>(line: readonly I[]): I[] {
  const [first] = line
  if (first?.isAlone) return [first]
  const left = { release: MOST_RELEASES, join: MOST_JOINS }
  const ids = new Set<string>()
  return line.filter(({ kind, uuid, isAlone }) => {
    if (isAlone || ids.has(uuid) || left[kind] === 0) return false
    ids.add(uuid)
    left[kind]--
    return true
  })
}

/** Where nothing is known that lets it in, it tries what costs nothing when it is wrong: nobody holds and nobody waits. */
function guessFor({ request }: Join, seen: Snapshot, now: Timestamp): Snapshot {
  return decide(seen, request, now).kind === 'grant' ? seen : emptySnapshot(seen.key)
}
