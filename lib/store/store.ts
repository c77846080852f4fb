import type { KeyEvent, KeyRange, LeaseId } from '../kv/key-value.js'
import type { Transaction, TransactionResult } from '../kv/transaction.js'

/**
 * What the locks need of etcd. Every method is one attempt, never repeated by the store, and rejects with
 * a `StoreError` that says whether a write may have been applied all the same.
 */
export interface Store {
  /** Runs a transaction atomically and linearizably. */
  commit(transaction: Transaction, options?: CallOptions): Promise<TransactionResult>
  /**
   * Watches a range from now on, or several as one; see {@link Watch}. Outlives reconnects. Of several, changes may be told
   * later, and the order within one transaction is kept within each range only.
   */
  watch(ranges: KeyRange | readonly KeyRange[], listener: WatchListener): Watch
  readonly leases: Leases
  /** Ends watches and connections. Calls afterwards reject. */
  close(): Promise<void>
}

export interface CallOptions {
  /** Milliseconds after which the call is given up, as `unreachable`. The store's own limit holds when it is sooner. */
  readonly timeoutMs?: number | undefined
}

export interface Watch {
  /** Resolves when the watch stands: every later change reaches the listener. Rejects with a StoreError. */
  readonly ready: Promise<void>
  close(): void
}

/** Must not throw. */
export interface WatchListener {
  /** Changes in the order in which they happened; those of one transaction come in one call. */
  onEvents(events: readonly KeyEvent[]): void
  /** Changes may have been missed (compaction): read again. The watch goes on from now. */
  onGap(): void
  /** The watch has ended for good, because etcd refused it or the store was closed. */
  onEnd(error: Error): void
}

export interface Leases {
  /** @param ttl seconds. Resolves to the lease and the seconds that etcd granted, which may be more. */
  grant(ttl: number, options?: CallOptions): Promise<GrantedLease>
  /** Resolves to the seconds left after renewal, 0 when there is no such lease (any more). */
  renew(id: LeaseId, options?: CallOptions): Promise<number>
  /** What is left of a lease, which is not renewed by this; undefined when there is no such lease (any more). */
  remaining(id: LeaseId, options?: CallOptions): Promise<RemainingLease | undefined>
  /** Deletes the lease and its keys. One that is gone already is no error. */
  revoke(id: LeaseId, options?: CallOptions): Promise<void>
}

export interface GrantedLease {
  readonly id: LeaseId
  readonly ttl: number
}

export interface RemainingLease {
  /** Seconds that etcd granted. */
  readonly ttl: number
  /** Seconds that are left, in whole ones: up to one more may be. */
  readonly left: number
}
