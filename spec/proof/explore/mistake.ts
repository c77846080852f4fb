import type { AttemptEffect, AttemptEvent } from '../../../lib/lock/acquire/attempt-state.js'
import type { Compare, Transaction } from '../../../lib/kv/transaction.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Configuration } from './configuration.js'
import { type Rules, rules } from './rules.js'

/** A rule that is broken, and where that shows. */
export interface Mistake {
  readonly broken: Partial<Rules>
  readonly shows: Configuration
  /** What is found. */
  readonly as: RegExp
}

/** The same of other snapshots. */
export function each<T extends { readonly snapshot: Snapshot }>(
  locks: readonly T[],
  change: (snapshot: Snapshot) => Snapshot,
): T[] {
  return locks.map(lock => ({ ...lock, snapshot: change(lock.snapshot) }))
}

export function lax(transaction: Transaction, isLeftOut: (compare: Compare) => boolean): Transaction {
  return { ...transaction, compare: transaction.compare.filter(compare => !isLeftOut(compare)) }
}

export function unlimited(snapshot: Snapshot): Snapshot {
  return withKeyLocks(snapshot, text => text.replaceAll(/"concurrency":\d/g, '"concurrency":0'))
}

export function emptied(snapshot: Snapshot): Snapshot {
  return withKeyLocks(snapshot, () => '{}')
}

function withKeyLocks(snapshot: Snapshot, change: (text: string) => string): Snapshot {
  const { keyLocks } = snapshot
  return { ...snapshot, keyLocks: keyLocks && { ...keyLocks, value: change(keyLocks.value) } }
}

/** A call that the attempt asks for is not made, and its answer is made up. */
export function leavingOut(kind: AttemptEffect['kind'], answer: AttemptEvent): Rules['next'] {
  return (state, event, facts) => {
    const next = rules.next(state, event, facts)
    return next.effect.kind === kind ? rules.next(next.state, answer, facts) : next
  }
}

/** What a process sends, with other transactions. */
export function turnsWith(change: (transaction: Transaction) => Transaction): Rules['nextTurn'] {
  return (...args) => {
    const { turn, ...others } = rules.nextTurn(...args)
    if (!turn) return { turn, ...others }
    const transaction = change(turn.composition.transaction)
    return { turn: { ...turn, composition: { ...turn.composition, transaction } }, ...others }
  }
}

/** What a process sends, from other snapshots. */
export function turnsFrom(change: (snapshot: Snapshot) => Snapshot): Rules['nextTurn'] {
  return (line, cached, ...rest) => {
    const changed = line.map(each => ({ ...each, from: change(each.from) }))
    const { turn, unseen, left } = rules.nextTurn(changed, change(cached), ...rest)
    const original = (each: (typeof line)[number]): (typeof line)[number] => line[changed.indexOf(each)]!
    const sorted = { unseen: unseen.map(original), left: left.map(original) }
    return { turn: turn && { ...turn, taken: turn.taken.map(original) }, ...sorted }
  }
}

/** As if all entries were written by software that knows no holder keys. */
export function foreign(snapshot: Snapshot): Snapshot {
  const renamed = <T>(keys: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...keys].map(([id, kv]) => [asForeign(id), kv]))
  const { holders, tickets } = snapshot
  return { ...withKeyLocks(snapshot, asForeign), holders: renamed(holders), tickets: renamed(tickets) }
}

export function asForeign(text: string): string {
  return text.replaceAll('-8000-8000-', '-4000-8000-')
}

export function withoutKeyLocks(snapshot: Snapshot): Snapshot {
  return { ...snapshot, keyLocks: undefined }
}

export function isTicket(path: string): boolean {
  return path.startsWith('/spicerack/locks/etcd/')
}
