import { byBytes, eventKey, isWithin, type KeyEvent, type KeyValue } from '../kv/key-value.js'
import type { Op, OpResult, Range, Transaction, TransactionResult } from '../kv/transaction.js'
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
  /** Whether `tickets` is the whole queue. Otherwise others may wait behind them, and are not known. */
  readonly isWhole: boolean
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
  }
}

/**
 * What is true after a transaction that was made from `before`. Where the branch that ran ends in no reads of a
 * snapshot, what was not compared is as old as `before`.
 */
export function applyResult(before: Snapshot, transaction: Transaction, result: TransactionResult): Snapshot {
  const ran = result.succeeded ? transaction.success : transaction.failure
  const last = ran.at(-1)
  if (last?.type === 'range') return readSnapshot(before.key, result, last.limit)
  const events = transaction.success.flatMap(op => eventsOf(op, before, result.revision))
  return { ...events.reduce(applyEvent, before), revision: result.revision }
}

/**
 * The snapshot with one change more. Its revision stays: events of other keys may still be on their way. The marker of a
 * release by force says that the ticket is gone: a waiter watches the marker of its own, and not its ticket.
 */
export function applyEvent(snapshot: Snapshot, event: KeyEvent): Snapshot {
  const key = eventKey(event)
  const kv = event.type === 'put' ? event.kv : undefined
  const { path, holders, tickets, markers } = snapshot.key
  if (key === path) return { ...snapshot, keyLocks: kv && withOldCreateRevision(kv, snapshot.keyLocks) }
  if (key.startsWith(holders.key)) {
    return { ...snapshot, holders: replaced(snapshot.holders, key, kv) }
  }
  if (key.startsWith(tickets.key)) {
    return { ...snapshot, tickets: replaced(snapshot.tickets, key, kv) }
  }
  if (kv && key.startsWith(markers.key)) {
    return { ...snapshot, tickets: without(snapshot.tickets, key.slice(markers.key.length)) }
  }
  return snapshot
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
  const path = key.holder(uuid)
  return [...holders.values()].some(holder => holder.key === path)
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
  const isShown = [...tickets.values()].some(({ key }) => key === ticket.key)
  const shown = [...tickets].map(([id, kv]) => [kv.key === ticket.key ? uuid : id, kv] as const)
  return { ...snapshot, tickets: new Map(isShown ? shown : [...shown, [uuid, ticket]]) }
}

function eventsOf(op: Op, { holders }: Snapshot, modRevision: bigint): KeyEvent[] {
  switch (op.type) {
    case 'put': {
      const { key, value, lease } = op
      return [{ type: 'put', kv: { key, value, lease, createRevision: modRevision, modRevision } }]
    }
    case 'delete': {
      const gone = op.end === undefined ? [op.key] : [...holders.values()].map(({ key }) => key)
      return gone.filter(key => isWithin(key, op)).map(key => ({ type: 'delete', key, modRevision }))
    }
    case 'range':
      return []
  }
}

/** What stands at this key now. Whose it was is not said by a key that is gone, and another's may stand there now. */
function replaced(
  keys: ReadonlyMap<string, KeyValue>,
  key: string,
  kv: KeyValue | undefined,
): Map<string, KeyValue> {
  const id = kv && idIn(kv)
  const changed = new Map(keys)
  for (const [known, { key: path }] of keys) if (path === key && known !== id) changed.delete(known)
  if (kv) changed.set(id!, withOldCreateRevision(kv, keys.get(id!)))
  return changed
}

function without(keys: ReadonlyMap<string, KeyValue>, id: string): Map<string, KeyValue> {
  const changed = new Map(keys)
  changed.delete(id)
  return changed
}

/** A put over a key that exists keeps its create revision. */
function withOldCreateRevision(kv: KeyValue, before: KeyValue | undefined): KeyValue {
  return before ? { ...kv, createRevision: before.createRevision } : kv
}

function byId(kvs: readonly KeyValue[]): Map<string, KeyValue> {
  return new Map(kvs.map(kv => [idIn(kv), kv]))
}

/**
 * As all processes order a queue, in whatever order etcd gives the tickets of one transaction, which is any. Two waiters that see each
 * other as the elder would wait for each other.
 */
export function inOrder(tickets: Iterable<KeyValue>): KeyValue[] {
  return [...tickets].sort((a, b) =>
    a.createRevision === b.createRevision
      ? byCount(idIn(a), idIn(b))
      : Number(a.createRevision - b.createRevision),
  )
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
