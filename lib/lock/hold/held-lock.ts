import type { TransactionResult } from '../../kv/transaction.js'
import type { GuardedWrite } from '../../protocol/guard.js'

/** What became of a guarded write. `dryRun` tells the two apart. */
export type GuardResult = (TransactionResult & { readonly dryRun: false }) | NotWritten

/** The result of a guarded write in a dry run: etcd was not asked. */
export interface NotWritten extends Partial<Record<keyof TransactionResult, undefined>> {
  readonly dryRun: true
}

/**
 * The handle of what is held: until {@link release}, until it is lost, or until the block ends that declared it with
 * `await using`. A process can be paused for longer than its lease lasts, at any point of its code, so no check can prove that
 * the lock is held when the next line runs. Guard what must never happen twice with {@link guard} or the {@link fencingToken}.
 */
export interface Held extends AsyncDisposable {
  /** The id of the holding in etcd; empty when locking is disabled. */
  readonly id: string
  /** True when nothing is locked: in a dry run, and when locking is disabled. The handle then behaves as if it held the lock. */
  readonly dryRun: boolean
  readonly owner: string
  /** Grows with every grant of this name. A resource should refuse a token that is smaller than one it has seen. */
  readonly fencingToken: bigint
  /**
   * Until when the lock is held for certain, by the clock of this host. It counts from before the call that granted or renewed
   * the lease. Once the handle is released, or knows that the lock is lost, it is the time of that, and stays so.
   */
  readonly deadline: Date
  /** Aborts when the lock is lost, at the {@link deadline} at the latest, with a `LockLostError` as its reason. */
  readonly signal: AbortSignal
  /** Seconds until the {@link deadline}; 0 when the lock is lost or released. Reads the clock. */
  remaining(): number
  /**
   * Calls `listener` whenever the deadline comes near ({@link HoldOptions.expiring}), so that work can be wound up. With
   * `keepAlive` that means that renewals fail. What the listener throws is logged.
   * @throws InvalidLockError for another event, or a listener that is not a function.
   */
  on(event: 'expiring', listener: () => void): this
  /** Removes a listener. @throws InvalidLockError as {@link on}. */
  off(event: 'expiring', listener: () => void): this
  /**
   * Returns if the lock is held. Reads the clock and asks nobody: it is right even after a pause in which no timer could run.
   * @throws LockLostError
   */
  assertHeld(): void
  /**
   * Asks etcd whether the lock is held, for 5 s at most.
   * @throws LockLostError, EtcdLockUnavailableError, LockError
   */
  verify(): Promise<void>
  /**
   * Lets the lock last for `ttl` seconds from now, which may be sooner than before. Tries for 5 s at most. Extensions are
   * serialized; the last one wins.
   * @throws LockLostError, InvalidLockError for a bad ttl, EtcdLockUnavailableError, LockError
   */
  extend(ttl: number): Promise<void>
  /**
   * Writes to etcd, if and only if the lock is held when etcd applies the write. `succeeded` is false when one of the conditions
   * of the write itself does not hold. In a dry run the write is checked and not made, and the result is `{dryRun: true}`. Waits
   * for etcd for 5 s at most.
   * @throws InvalidLockError for a malformed write, or one to the keys of locks; LockLostError with both fencing tokens,
   * EtcdLockUnavailableError when the write may have been applied or not, LockError.
   */
  guard(write: GuardedWrite): Promise<GuardResult>
  /**
   * Releases the lock. May be called again; never rejects. Gives up after 5 s: the lock then ends with its ttl.
   * Resolves to false when etcd has not confirmed the release: others may have to wait until the ttl is over.
   */
  release(): Promise<boolean>
}

/** The handle of one lock. */
export interface HeldLock extends Held {
  readonly name: string
  /** Full etcd key. */
  readonly key: string
}

/**
 * The handle of several locks that were taken at once, under one id and with one fencing token. When one is lost, the handle is
 * lost. The other locks stay held until {@link release}, so that work can be wound up, but are not renewed any more.
 */
export interface HeldLocks extends Held {
  readonly names: readonly string[]
  /** Full etcd keys. */
  readonly keys: readonly string[]
}
