import type { Timestamp } from '../../model/timestamp.js'
import type { Join } from '../../protocol/compose.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { LocalWaiter } from '../engine/local-queue.js'
import type { TargetSnapshot } from '../options/lock-target.js'

/**
 * How often the first waiter of a process, and each that waits for several locks, reads etcd again although no watch has reported anything, in
 * case one has missed a change. The others become the first, whatever a watch has missed of them: a ticket that was handed the lock, or
 * deleted by force, stands in nobody's way. Each read has etcd sort the queue: if all did it, a queue of thousands would keep etcd from
 * everything else.
 */
export const REREAD_MS = 30_000
/** How often the state is read again that somebody is shown. */
export const SHOWN_REREAD_MS = 2_000
/**
 * One transaction changes the KeyLocks and a holder key, and two watches report them: how long to wait for the second
 * report. It is seldom late at all.
 */
export const SECOND_REPORT_MS = 20

/** The attempt that waits. */
export interface WaitingAttempt {
  /** What it asks of each lock; undefined when a release may not grant it. */
  readonly joins: readonly Join[] | undefined
  /** A release of this process hands it the locks, now or soon: its leases are to be fresh then. Returns whether they are renewed. */
  renewLeases(): boolean
}

/** Tells a request that waits in its queues when to look. */
export interface Waiting {
  /** Told by the coordinator of its lock; undefined for a request for several locks. */
  readonly local: LocalWaiter | undefined
  /** Before the tickets are taken: what is told from now on is not missed. */
  prepare(): void
  /**
   * Waits until something may have changed since it was `seen`, at the latest until an entry expires at `until`. Resolves to what is true
   * then. @throws EtcdLockUnavailableError, LockError
   */
  next(seen: readonly TargetSnapshot[], until: Timestamp | undefined): Promise<readonly Snapshot[]>
  /** Something may have happened that no watch reports: etcd is read again. */
  look(): void
  close(): void
}
