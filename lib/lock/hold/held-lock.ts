import type { TransactionResult } from '../../kv/transaction.js'
import type { GuardedWrite } from '../../protocol/guard.js'

/** What became of a guarded write; told apart by `dryRun`. */
export type GuardResult = (TransactionResult & { readonly dryRun: false }) | NotWritten

/** Of a dry run: nobody has asked etcd. */
export interface NotWritten extends Partial<Record<keyof TransactionResult, undefined>> {
  readonly dryRun: true
}

/**
 * What is held, until it is released, lost, or the block that declared it with `await using` ends. Any process
 * can be paused for longer than its lease lasts, so that nobody knows for certain that he holds: what must never happen
 * twice is to be guarded by {@link guard}, or by the {@link fencingToken}.
 */
export interface Held extends AsyncDisposable {
  /** Empty when locking is disabled. */
  readonly id: string
  /** Whether nothing is locked: in a dry run, and where locking is disabled. The rest is then as if it were. */
  readonly dryRun: boolean
  readonly owner: string
  /** Grows with every grant of this name: a resource that has seen a larger one refuses this one. */
  readonly fencingToken: bigint
  /** Until when it is held for certain, by the clocks of this host and from before the call that granted or renewed it. */
  readonly deadline: Date
  /** Aborts when the lock is lost, before the deadline passes, with a `LockLostError` as its reason. */
  readonly signal: AbortSignal
  /** Seconds for which it is held for certain; 0 when it is lost or released. Looks at the clocks. */
  remaining(): number
  /**
   * Calls back whenever the deadline comes near ({@link HoldOptions.expiring}), so that work can be wound up. With
   * `keepAlive`, that is when renewals do not get through.
   */
  on(event: 'expiring', listener: () => void): this
  off(event: 'expiring', listener: () => void): this
  /** Looks at the clocks: right even when the process was paused and no timer could run. @throws LockLostError */
  assertHeld(): void
  /** Asks etcd, for 5 s at most. @throws LockLostError, EtcdLockUnavailableError, LockError */
  verify(): Promise<void>
  /**
   * Lets it last `ttl` seconds from now. Tries for 5 s at most.
   * @throws LockLostError, InvalidLockError, EtcdLockUnavailableError, LockError
   */
  extend(ttl: number): Promise<void>
  /**
   * A write to etcd that is applied only while this holding stands. `succeeded` is false when a condition of the
   * write's own does not hold. In a dry run the write is checked and not made, and the answer is `{dryRun: true}`. Waits for etcd for 5 s at most.
   * @throws InvalidLockError for a write that is malformed, LockLostError with both fencing tokens, EtcdLockUnavailableError when it is not known whether it was
   * applied, LockError.
   */
  guard(write: GuardedWrite): Promise<GuardResult>
  /**
   * Lets go. May be repeated; never rejects; gives up after 5 s, when the lock ends with its ttl.
   * Resolves to false when etcd has not confirmed it: others may have to wait until the ttl is over.
   */
  release(): Promise<boolean>
}

/** A lock that is held. */
export interface HeldLock extends Held {
  readonly name: string
  /** Full etcd key. */
  readonly key: string
}

/**
 * Locks that are held together, under one id and with one fencing token. When one is lost, all are: the others stand until
 * {@link release}, so that work can be wound up, but are renewed no more.
 */
export interface HeldLocks extends Held {
  readonly names: readonly string[]
  /** Full etcd keys. */
  readonly keys: readonly string[]
}
