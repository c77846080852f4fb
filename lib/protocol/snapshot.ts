import { byBytes, eventKey, isWithin, type KeyEvent, type KeyRange, type KeyValue } from '../kv/key-value.js'
import type { Compare, OpResult, Put, Range, Transaction, TransactionResult } from '../kv/transaction.js'
import { KeyLocks } from '../model/key-locks.js'
import { orderOf } from '../model/lock-id.js'
import { idIn, type LockKey } from './lock-key.js'
import { parseKeyLocks } from './parsed-key-locks.js'

/** All keys of one lock: of one revision when they were read, later once events were applied. */
export interface Snapshot {
  readonly key: LockKey
  readonly revision: bigint
  /** The KeyLocks; undefined when nobody holds. */
  readonly keyLocks: KeyValue | undefined
  /** Holder keys by id. */
  readonly holders: ReadonlyMap<string, KeyValue>
  /** The beginning of the queue: tickets by id, first come first. */
  readonly tickets: ReadonlyMap<string, KeyValue>
  /** Whether `tickets` was the whole queue at `revision`. Otherwise others may wait behind them, and are not known. */
  readonly isWhole: boolean
  /**
   * Whether no holder key stands that is not in `holders`, as long as the KeyLocks is the one shown: whatever puts a holder key changes the
   * KeyLocks in the same transaction, and no modification of a key has the revision of another. Not when not given; never without a KeyLocks,
   * which may have come and been deleted by hand since, and has left no trace.
   */
  readonly knowsHolders?: boolean
}

/** The guess when nothing is known: no holder, no waiter. */
export function emptySnapshot(key: LockKey): Snapshot {
  return { key, revision: 0n, keyLocks: undefined, holders: new Map(), tickets: new Map(), isWhole: true }
}

/** The operations that read a snapshot. Put last in a branch, {@link readSnapshot} finds their answer. */
export function snapshotReads(key: LockKey): Range[] {
  return [
    { type: 'range', key: key.path },
    { type: 'range', ...key.holders },
    { type: 'range', ...key.tickets },
  ]
}

/** @param limit how many tickets were asked for; all when not given. */
export function readSnapshot(
  key: LockKey,
  { revision, results }: TransactionResult,
  limit = Infinity,
): Snapshot {
  const [keyLocks, holders, tickets] = results.slice(-3) as [OpResult, OpResult, OpResult]
  return {
    key,
    revision,
    keyLocks: keyLocks[0],
    holders: byId(holders),
    tickets: byId(tickets.length < limit ? inOrder(tickets) : untilCut(inOrder(tickets))),
    isWhole: tickets.length < limit,
    knowsHolders: keyLocks.length > 0,
  }
}

/**
 * What is true after a transaction that was made from `before`. Where the branch that ran ends in no reads of a
 * snapshot, what was not compared is as old as `before`: the queue is whole only if others in it would have made the transaction fail.
 */
export function applyResult(before: Snapshot, transaction: Transaction, result: TransactionResult): Snapshot {
  const ran = result.succeeded ? transaction.success : transaction.failure
  const last = ran.at(-1)
  if (last?.type === 'range') return readSnapshot(before.key, result, last.limit)
  const { revision } = result
  const draft = new Draft(before)
  for (const op of transaction.success) {
    if (op.type === 'put') draft.put(keyValueOf(op, revision))
    else if (op.type === 'delete' && op.end === undefined) draft.delete(op.key)
    else if (op.type === 'delete') draft.deleteHolders(op)
  }
  const isWhole = before.isWhole && boundsQueue(before.key, transaction.compare)
  return draft.finish(revision, isWhole, knowsHolders(before, transaction.compare))
}

/**
 * Whether all holders are known after a transaction with these compares has succeeded. It may have been made from another snapshot: what that
 * knew, this one need not know.
 */
function knowsHolders(before: Snapshot, compares: readonly Compare[]): boolean {
  const { holders, path } = before.key
  const isSameKeyLocks = ({ key, is, revision, target }: Compare): boolean =>
    key === path && target === 'mod' && is === '=' && revision === modRevisionOf(before)
  const noneIsYounger = ({ key, end, is, revision, target }: Compare): boolean =>
    key === holders.key &&
    end !== undefined &&
    target === 'mod' &&
    is === '<' &&
    revision <= newestHolder(before) + 1n
  return compares.some(isSameKeyLocks) && (before.knowsHolders === true || compares.some(noneIsYounger))
}

/** Whether a transaction with these compares fails when somebody has come to the queue of whom it does not know. */
function boundsQueue({ tickets }: LockKey, compares: readonly Compare[]): boolean {
  return compares.some(({ key, end, is }) => key === tickets.key && end !== undefined && is !== '>')
}

/**
 * What is known of a lock to which a transaction was applied at this revision that was made from `before`: others of its process may have
 * changed the queue since, and have `seen` it. Of its holders no more is known than what the transaction has compared:
 *
 *     W hears that H was granted · a read from before that is answered late · the grant of W succeeds, which knew of H
 *
 * That read, with what the grant of W has written, would show the entry of H without its holder key, as if H were dead.
 */
export function withQueueOf(seen: Snapshot, before: Snapshot, revision: bigint): Snapshot {
  const isNews = before.revision > 0n && seen.revision > before.revision && seen.revision < revision
  if (!isNews) return before
  const { tickets, isWhole } = seen
  return { ...before, revision: seen.revision, tickets, isWhole }
}

/** The snapshot with one change more. Its revision stays: events of other keys may still be on their way. */
export function applyEvent(snapshot: Snapshot, event: KeyEvent): Snapshot {
  const draft = new Draft(snapshot)
  if (event.type === 'put') draft.put(event.kv)
  else draft.delete(event.key)
  // Of the holder key that the same transaction has put, another watch tells, which may be late.
  const isOfKeyLocks = eventKey(event) === snapshot.key.path
  return draft.finish(snapshot.revision, snapshot.isWhole, !isOfKeyLocks && snapshot.knowsHolders === true)
}

/** @throws LockUnreadableError when the value in etcd is not a KeyLocks. */
export function keyLocksOf({ key, keyLocks }: Snapshot): KeyLocks {
  return keyLocks ? parseKeyLocks(keyLocks) : new KeyLocks(key.path)
}

/** Whether the KeyLocks or a holder key tells of this holder. @throws LockUnreadableError */
export function showsHolder(snapshot: Snapshot, uuid: string): boolean {
  return snapshot.holders.has(uuid) || keyLocksOf(snapshot).locks.has(uuid)
}

/**
 * Whether another's holder key stands where that of this id would. No process gives the same key to two of its ids, unless the first has
 * not ended long after its process gave it up. The younger waits then: to put its key over the other's would give both one fencing token.
 */
export function isKeyTaken({ key, holders }: Snapshot, uuid: string): boolean {
  if (holders.size === 0 || holders.has(uuid)) return false
  return idAt(holders, key.holder(uuid)) !== undefined
}

/** The last revision at which one of the known holder keys was put. */
export function newestHolder({ holders }: Snapshot): bigint {
  let newest = 0n
  for (const { modRevision } of holders.values()) if (modRevision > newest) newest = modRevision
  return newest
}

export function modRevisionOf({ keyLocks }: Snapshot): bigint {
  return keyLocks?.modRevision ?? 0n
}

/**
 * The snapshot with the ticket of a waiter that is known to stand, though a read of the beginning of the queue does not show it: it is
 * somewhere behind those that are shown, or somebody has overwritten what it says.
 */
export function withTicket(snapshot: Snapshot, uuid: string, ticket: KeyValue): Snapshot {
  const { tickets } = snapshot
  if (tickets.has(uuid)) return snapshot
  const shown = idAt(tickets, ticket.key)
  if (shown === undefined) return { ...snapshot, tickets: new Map(tickets).set(uuid, ticket) }
  const renamed = [...tickets].map(([id, kv]) => [id === shown ? uuid : id, kv] as const)
  return { ...snapshot, tickets: new Map(renamed) }
}

/** What a put that was applied at this revision has made of a key that did not stand. */
export function keyValueOf({ key, value, lease }: Put, revision: bigint): KeyValue {
  return { key, value, lease, createRevision: revision, modRevision: revision }
}

type Keys = Map<string, KeyValue>

/** A snapshot that changes: its maps are copied once, however many changes come. */
class Draft {
  private keyLocks: KeyValue | undefined
  private holders: Keys | undefined
  private tickets: Keys | undefined

  constructor(private readonly before: Snapshot) {
    this.keyLocks = before.keyLocks
  }

  put(kv: KeyValue): void {
    const { path, holders, tickets, markers } = this.before.key
    const { key } = kv
    if (key === path) this.keyLocks = withOldCreateRevision(kv, this.keyLocks)
    else if (key.startsWith(holders.key)) putIn(this.changedHolders, kv)
    else if (key.startsWith(tickets.key)) putIn(this.changedTickets, kv)
    // The marker of a release by force says that the ticket and the holder key are gone: of the ends of its own a waiter is told nothing else.
    else if (key.startsWith(markers.key)) this.forget(key.slice(markers.key.length))
  }

  delete(key: string): void {
    const { path, holders, tickets } = this.before.key
    if (key === path) this.keyLocks = undefined
    else if (key.startsWith(holders.key)) deleteAt(this.changedHolders, key)
    else if (key.startsWith(tickets.key)) deleteAt(this.changedTickets, key)
  }

  private forget(uuid: string): void {
    this.changedTickets.delete(uuid)
    this.changedHolders.delete(uuid)
  }

  deleteHolders(range: KeyRange): void {
    for (const { key } of this.before.holders.values()) if (isWithin(key, range)) this.delete(key)
  }

  finish(revision: bigint, isWhole: boolean, knowsHolders: boolean): Snapshot {
    const { key, holders, tickets } = this.before
    const { keyLocks } = this
    return {
      key,
      revision,
      keyLocks,
      holders: this.holders ?? holders,
      tickets: this.tickets ?? tickets,
      isWhole,
      knowsHolders: knowsHolders && keyLocks !== undefined,
    }
  }

  private get changedHolders(): Keys {
    return (this.holders ??= new Map(this.before.holders))
  }

  private get changedTickets(): Keys {
    return (this.tickets ??= new Map(this.before.tickets))
  }
}

function putIn(keys: Keys, kv: KeyValue): void {
  const id = idIn(kv)
  const before = keys.get(id)
  // Another's may have stood there, of whose end nothing was heard.
  if (before?.key !== kv.key) deleteAt(keys, kv.key)
  keys.set(id, withOldCreateRevision(kv, before))
}

function deleteAt(keys: Keys, path: string): void {
  const id = idAt(keys, path)
  if (id !== undefined) keys.delete(id)
}

/** Whose key it is, or was: of one that is gone its path does not say it. */
function idAt(keys: ReadonlyMap<string, KeyValue>, path: string): string | undefined {
  for (const [id, { key }] of keys) if (key === path) return id
  return undefined
}

/** A put over a key that exists keeps its create revision. */
function withOldCreateRevision(kv: KeyValue, before: KeyValue | undefined): KeyValue {
  return before ? { ...kv, createRevision: before.createRevision } : kv
}

/** By the ids of their owners. */
export function byId(kvs: readonly KeyValue[]): Map<string, KeyValue> {
  return new Map(kvs.map(kv => [idIn(kv), kv]))
}

/**
 * As all processes order a queue, in whatever order etcd gives the tickets of one transaction, which is any. Two waiters that see each
 * other as the elder would wait for each other.
 */
export function inOrder(tickets: Iterable<KeyValue>): KeyValue[] {
  return [...tickets].sort(byPlace)
}

/** Whether a ticket stands behind another one of its queue. */
export function isBehind(ticket: KeyValue, other: KeyValue): boolean {
  return byPlace(ticket, other) > 0
}

/** As {@link inOrder}. */
export function byPlace(a: KeyValue, b: KeyValue): number {
  return a.createRevision === b.createRevision
    ? byCount(idIn(a), idIn(b))
    : Number(a.createRevision - b.createRevision)
}

/**
 * Without the last that one transaction has put: etcd orders those in its own way, so that others of them may be missing. No
 * process puts so many in one transaction that nothing would be left.
 */
function untilCut(tickets: readonly KeyValue[]): readonly KeyValue[] {
  const last = tickets.at(-1)?.createRevision
  const whole = tickets.filter(({ createRevision }) => createRevision !== last)
  return whole.length > 0 ? whole : tickets
}

/** Ids whose tickets one transaction has put, in the order in which its process made them. */
export function byCount(a: string, b: string): number {
  return byBytes(orderOf(a), orderOf(b)) || byBytes(a, b)
}
