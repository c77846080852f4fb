import {
  byBytes,
  isWithin,
  type KeyEvent,
  type KeyRange,
  type KeyValue,
  type LeaseId,
} from '../../kv/key-value.js'
import type { Compare, Op, OpResult, Range, Transaction, TransactionResult } from '../../kv/transaction.js'
import { StoreError } from '../store-error.js'

/** Of so many changes of the past what was before is remembered: as if etcd were compacted all the time. */
const MOST_REMEMBERED = 10_000

/** A change, and what was there before it. */
interface Change {
  readonly revision: bigint
  readonly key: string
  readonly before: KeyValue | undefined
}

/** The keys of a small etcd, with its rules for revisions and transactions. */
export class KeySpace {
  private readonly keys: Map<string, KeyValue>
  /** The keys in the order of their bytes, from the first look at a range on. */
  private sorted: string[] | undefined
  private readonly past: Change[] = []
  /** The oldest revision that can be read. */
  private oldest: bigint

  /** @param revision etcd starts at 1; the first write is 2. */
  constructor(
    private readonly isLease: (id: LeaseId) => boolean,
    keys: readonly KeyValue[] = [],
    public revision = 1n,
  ) {
    this.keys = new Map(keys.map(kv => [kv.key, kv]))
    this.oldest = revision
  }

  /** Runs a transaction; `events` are its changes, all at the one revision that it made. */
  run(transaction: Transaction): { result: TransactionResult; events: KeyEvent[] } {
    const succeeded = transaction.compare.every(compare => this.holds(compare))
    const ops = succeeded ? transaction.success : transaction.failure
    refuseDoubleWrites(transaction.success)
    refuseDoubleWrites(transaction.failure)
    this.refuseUnknownLeases(ops)
    const events: KeyEvent[] = []
    const next = this.revision + 1n
    const results = ops.map(op => this.apply(op, next, events))
    if (events.length > 0) this.revision = next
    return { result: { succeeded, revision: this.revision, results }, events }
  }

  range(range: KeyRange): KeyValue[] {
    if (range.end === undefined) {
      const found = this.keys.get(range.key)
      return found ? [found] : []
    }
    const sorted = (this.sorted ??= [...this.keys.keys()].sort(byBytes))
    const within = sorted.slice(placeIn(sorted, range.key), placeIn(sorted, range.end))
    return within.map(key => this.keys.get(key)!)
  }

  private read({ order, limit, revision, ...range }: Range): KeyValue[] {
    const found = revision === undefined ? this.range(range) : this.rangeAt(range, revision)
    // The sort is stable: keys of one create revision stay in the order of the keys.
    if (order === 'create') found.sort((a, b) => Number(a.createRevision - b.createRevision))
    return found.slice(0, limit)
  }

  /** As it was after this revision. */
  private rangeAt(range: KeyRange, revision: bigint): KeyValue[] {
    if (revision < this.oldest) throw new StoreError('refused', 'required revision has been compacted')
    if (revision > this.revision) throw new StoreError('refused', 'required revision is a future revision')
    const found = new Map(this.range(range).map(kv => [kv.key, kv]))
    for (let at = this.past.length - 1; at >= 0; at--) {
      const change = this.past[at]!
      if (change.revision <= revision) break
      if (!isWithin(change.key, range)) continue
      if (change.before) found.set(change.key, change.before)
      else found.delete(change.key)
    }
    return [...found.values()].sort((a, b) => byBytes(a.key, b.key))
  }

  private remember(revision: bigint, key: string): void {
    this.past.push({ revision, key, before: this.keys.get(key) })
    if (this.past.length <= 2 * MOST_REMEMBERED) return
    this.past.splice(0, MOST_REMEMBERED)
    this.oldest = this.past[0]!.revision
  }

  private apply(op: Op, revision: bigint, events: KeyEvent[]): OpResult {
    switch (op.type) {
      case 'range':
        return this.read(op)
      case 'put': {
        const { key, value, lease } = op
        const createRevision = this.keys.get(key)?.createRevision ?? revision
        const kv = { key, value, createRevision, modRevision: revision, lease }
        this.remember(revision, key)
        if (this.sorted && !this.keys.has(key)) this.sorted.splice(placeIn(this.sorted, key), 0, key)
        this.keys.set(key, kv)
        events.push({ type: 'put', kv })
        return []
      }
      case 'delete':
        for (const { key } of this.range(op)) {
          this.remember(revision, key)
          this.sorted?.splice(placeIn(this.sorted, key), 1)
          this.keys.delete(key)
          events.push({ type: 'delete', key, modRevision: revision })
        }
        return []
    }
  }

  private refuseUnknownLeases(ops: readonly Op[]): void {
    for (const op of ops) {
      if (op.type === 'put' && op.lease !== undefined && !this.isLease(op.lease)) {
        throw new StoreError('lease-not-found', `requested lease not found: ${op.lease}`)
      }
    }
  }

  private holds(compare: Compare): boolean {
    const found = this.range(compare)
    const revisions = found.map(kv => (compare.target === 'create' ? kv.createRevision : kv.modRevision))
    if (revisions.length === 0) revisions.push(0n)
    return revisions.every(actual => test(actual, compare))
  }
}

/** Where a key stands among keys in order, or would stand. */
function placeIn(sorted: readonly string[], key: string): number {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (byBytes(sorted[middle]!, key) < 0) from = middle + 1
    else to = middle
  }
  return from
}

function test(actual: bigint, { is, revision }: Compare): boolean {
  switch (is) {
    case '=':
      return actual === revision
    case '!=':
      return actual !== revision
    case '<':
      return actual < revision
    case '>':
      return actual > revision
  }
}

/** etcd refuses a transaction that writes a key twice, whichever branch would run. */
function refuseDoubleWrites(ops: readonly Op[]): void {
  const writes = ops.filter(op => op.type !== 'range')
  for (const [index, put] of writes.entries()) {
    if (put.type !== 'put') continue
    const twice = writes.some((other, at) => at !== index && isWithin(put.key, other))
    if (twice) throw new StoreError('refused', `duplicate key given in txn request: ${put.key}`)
  }
}
