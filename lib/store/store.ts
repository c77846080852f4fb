import type { KeyEvent, LeaseId, WatchedRange } from '../kv/key-value.js'
import type { Transaction, TransactionResult } from '../kv/transaction.js'

/**
 * What the locks need of etcd. `LockOptions.store` takes a store of your own: another client of etcd, one that counts or
 * delays calls, or a database with leases and one order of all transactions. `storeContract` of `spicelock/testing` tries it.
 *
 * Every method is one attempt. The locks decide what is repeated: a store that repeats a write itself may apply it twice.
 * Every rejection is a {@link StoreError}, and its reason says whether a write may have been applied all the same.
 */
export interface Store {
  /**
   * Runs a transaction atomically and linearizably: it sees all that was committed before the call, on whichever connection.
   * @throws StoreError `refused` for a transaction that writes a key twice in one branch, `lease-not-found` when the branch
   * that runs puts a key under a lease that is gone; nothing was applied then. `unreachable`: it may have been applied.
   */
  commit(transaction: Transaction, options?: CallOptions): Promise<TransactionResult>
  /**
   * Watches a range from now on, or several as one; see {@link Watch}. It outlives reconnects. Changes of several ranges may
   * be told later than they could be of one, and the order within one transaction is kept within each range only.
   */
  watch(ranges: WatchedRange | readonly WatchedRange[], listener: WatchListener): Watch
  readonly leases: Leases
  /** Ends watches and connections. May be repeated; all other calls afterwards reject with a StoreError `closed`. */
  close(): Promise<void>
}

/** For one call. */
export interface CallOptions {
  /** Milliseconds after which the call is given up, as `unreachable`. The store's own limit holds when it is sooner. */
  readonly timeoutMs?: number | undefined
}

/** A watch that was asked for. */
export interface Watch {
  /**
   * Resolves when the watch is established: every later change reaches the listener.
   * @throws StoreError when it cannot be.
   */
  readonly ready: Promise<void>
  /** Ends it: from now on the listener is told nothing. */
  close(): void
}

/** What a watch calls. Its methods must not throw. */
export interface WatchListener {
  /** Changes in the order in which they happened; those of one transaction come in one call. */
  onEvents(events: readonly KeyEvent[]): void
  /** Changes may have been missed (compaction): read again. The watch goes on from now. */
  onGap(): void
  /** The watch has ended for good, because etcd refused it or the store was closed. */
  onEnd(error: Error): void
}

/**
 * Leases: keys that were put under one are deleted when it ends. It ends its ttl after it was granted or last renewed, and
 * never sooner. Time is the store's own: no wall clock of a client counts.
 */
export interface Leases {
  /** Grants a lease of at least `ttl` seconds; resolves to it and to the seconds that were granted, which may be more. */
  grant(ttl: number, options?: CallOptions): Promise<GrantedLease>
  /** Lets a lease last its whole ttl from now. Resolves to the seconds left then, 0 when there is no such lease (any more). */
  renew(id: LeaseId, options?: CallOptions): Promise<number>
  /** How long a lease still lasts, without renewing it; undefined when there is no such lease (any more). */
  remaining(id: LeaseId, options?: CallOptions): Promise<RemainingLease | undefined>
  /** Deletes the lease and its keys. A lease that is gone already is no error. */
  revoke(id: LeaseId, options?: CallOptions): Promise<void>
}

/** A lease that was granted. */
export interface GrantedLease {
  readonly id: LeaseId
  /** Seconds that were granted. */
  readonly ttl: number
}

/** What is left of a lease. */
export interface RemainingLease {
  /** Seconds that were granted. */
  readonly ttl: number
  /** Whole seconds that are left, rounded down. */
  readonly left: number
}
