import type { Timestamp } from './timestamp.js'

/** The holders and the queue of one lock, for people and tools. */
export interface LockState {
  readonly prefix: string
  readonly name: string
  /** Full etcd key. */
  readonly key: string
  /** In the order in which they came. */
  readonly holders: readonly HolderState[]
  /** The queue, first come first. */
  readonly waiters: readonly WaiterState[]
  /** Why the value in etcd could not be read, when it could not. */
  readonly problem?: string
}

export interface HolderState {
  readonly id: string
  readonly owner: string
  /** When the lock was taken, by the clock of the holder's host. */
  readonly since: Timestamp
  /**
   * Whole seconds that its lease lasts, as etcd tells. Where etcd was not asked (beyond 200 leases, and in `onWait`) or
   * does not tell, and for an entry without a lease: until its ttl is over by the clock of this host, or, for a holder
   * that renews, its ttl.
   */
  readonly remaining: number
  /** Whether the holder renews its lease, so that it may hold for longer than `remaining`. */
  readonly renewed: boolean
  readonly concurrency: number
  /** Seconds. */
  readonly ttl: number
  /** Fencing token; undefined for an entry that was not written by this software. */
  readonly fencingToken: bigint | undefined
}

export interface WaiterState {
  readonly id: string
  /** Undefined, as `since`, when the ticket was not written by this software. */
  readonly owner: string | undefined
  readonly since: Timestamp | undefined
  /** In the queue, from 1. */
  readonly place: number
}

/** The lock that is waited for; of several, the first that is not free. */
export interface WaitStatus extends LockState {
  /** The caller's own place in the queue, from 1. */
  readonly place: number
}
