import { type KeyEvent, type LeaseId, tellsOf, type WatchedRange } from '../../kv/key-value.js'
import { type Transaction, type TransactionResult, unconditionally } from '../../kv/transaction.js'
import { MAX_TXN_OPS } from '../../protocol/lock-set.js'
import type { GrantedLease, Leases, RemainingLease, Store, Watch, WatchListener } from '../store.js'
import { StoreError } from '../store-error.js'
import { KeySpace } from './key-space.js'
import { type Timers, realTimers } from './timers.js'

/** The smallest TTL that etcd grants with its default election timeout, in seconds. */
const MIN_TTL = 2

interface Lease {
  readonly ttl: number
  /** By the clock of the store. */
  readonly end: number
  cancel(): void
}

interface Watcher {
  readonly ranges: readonly WatchedRange[]
  readonly listener: WatchListener
}

/**
 * A small etcd in memory, for unit tests and simulations: revisions, transactions, leases and watches
 * behave as the real one's do (both pass one contract suite). `timers` is the clock that leases run on.
 */
export class MemoryStore implements Store {
  readonly leases: Leases = {
    grant: ttl => this.answer(() => this.grant(ttl)),
    renew: id => this.answer(() => this.renew(id)),
    remaining: id => this.answer(() => this.remaining(id)),
    revoke: id => this.answer(() => this.revoke(id)),
  }
  private readonly keySpace = new KeySpace(id => this.live.has(id))
  private readonly live = new Map<LeaseId, Lease>()
  private readonly watchers = new Set<Watcher>()
  private nextLease = 1n
  private closed = false

  constructor(private readonly timers: Timers = realTimers) {}

  commit(transaction: Transaction): Promise<TransactionResult> {
    return this.answer(() => this.apply(transaction))
  }

  watch(watched: WatchedRange | readonly WatchedRange[], listener: WatchListener): Watch {
    const ranges = 'key' in watched ? [watched] : watched
    const watcher = { ranges, listener }
    let isClosed = false
    // Its caller may have closed it before it is established, which comes a turn later.
    const ready = this.answer(() => void (isClosed || this.watchers.add(watcher)))
    ready.catch((error: Error) => isClosed || listener.onEnd(error))
    const close = (): void => {
      isClosed = true
      this.watchers.delete(watcher)
    }
    return { ready, close }
  }

  close(): Promise<void> {
    this.closed = true
    for (const { listener } of this.watchers) listener.onEnd(new StoreError('closed', 'The store is closed.'))
    this.watchers.clear()
    for (const lease of this.live.values()) lease.cancel()
    return Promise.resolve()
  }

  private apply(transaction: Transaction): TransactionResult {
    const { compare, success, failure } = transaction
    if (Math.max(compare.length, success.length, failure.length) > MAX_TXN_OPS)
      throw new StoreError('refused', 'too many operations in txn request')
    const { result, events } = this.keySpace.run(transaction)
    this.notify(events)
    return result
  }

  private grant(ttl: number): GrantedLease {
    const id = String(this.nextLease++)
    const granted = Math.max(ttl, MIN_TTL)
    this.arm(id, granted)
    return { id, ttl: granted }
  }

  private renew(id: LeaseId): number {
    const lease = this.live.get(id)
    if (!lease) return 0
    lease.cancel()
    this.arm(id, lease.ttl)
    return lease.ttl
  }

  private arm(id: LeaseId, ttl: number): void {
    const end = this.timers.now() + ttl * 1000
    this.live.set(id, { ttl, end, cancel: this.timers.after(ttl * 1000, () => this.revoke(id)) })
  }

  private remaining(id: LeaseId): RemainingLease | undefined {
    const lease = this.live.get(id)
    return lease && { ttl: lease.ttl, left: Math.max(0, Math.floor((lease.end - this.timers.now()) / 1000)) }
  }

  private revoke(id: LeaseId): void {
    this.live.get(id)?.cancel()
    this.live.delete(id)
    const attached = this.keySpace.range({ key: '\0', end: '\u{10ffff}' }).filter(kv => kv.lease === id)
    const deletes = attached.map(({ key }) => ({ type: 'delete' as const, key }))
    this.notify(this.keySpace.run(unconditionally(...deletes)).events)
  }

  private notify(events: readonly KeyEvent[]): void {
    for (const watcher of this.watchers) {
      const seen = events.filter(event => watcher.ranges.some(range => tellsOf(range, event)))
      if (seen.length === 0) continue
      queueMicrotask(() => {
        if (this.watchers.has(watcher)) watcher.listener.onEvents(seen)
      })
    }
  }

  private async answer<T>(work: () => T): Promise<T> {
    await Promise.resolve()
    if (this.closed) throw new StoreError('closed', 'The store is closed.')
    return work()
  }
}
