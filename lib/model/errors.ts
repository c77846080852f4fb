import { printable } from './describe-value.js'
import { jsonOf } from './printed.js'

/** The codes of errors, stable across versions: callers can branch on them without `instanceof`. */
export type SpicelockErrorCode =
  | 'LOCK_ERROR'
  | 'INVALID_LOCK'
  | 'INVALID_CONFIG'
  | 'LOCK_UNREADABLE'
  | 'LOCK_UNWRITABLE'
  | 'LOCK_EXISTING'
  | 'LOCK_UNAVAILABLE'
  | 'LOCK_DISMISSED'
  | 'LOCK_LOST'
  | 'LOCK_REENTERED'
  | 'LOCK_RENEWED'
  | 'ETCD_UNAVAILABLE'
  | 'RELUKKO_NOT_FOUND'
  | 'RELUKKO_INVALID'
  | 'RELUKKO_FORBIDDEN'
  | 'RELUKKO_SERVER'

export interface ErrorDetails {
  /** The full etcd key of the lock concerned. */
  key?: string | undefined
  cause?: unknown
}

/** Survives two copies of this package in one process, where `instanceof` does not. */
const brand = Symbol.for('spicelock.error')

/** Base of every error that this package throws on purpose. */
export abstract class SpicerackError extends Error {
  abstract readonly code: SpicelockErrorCode
  /** The full etcd key of the lock concerned, when there is one. */
  readonly key: string | undefined
  readonly [brand] = true

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.key = details.key
  }

  /** For `JSON.stringify`: tokens as decimal strings. Without the cause, which may hold anything. */
  toJSON(): unknown {
    return jsonOf({ ...this, message: this.message })
  }
}

/** Base of the errors that say "not now": the same call may succeed later. */
export abstract class SpicerackCheckError extends SpicerackError {}

/** etcd failed, or the library was used in a way that it cannot serve. */
export class LockError extends SpicerackError {
  readonly code: SpicelockErrorCode = 'LOCK_ERROR'
}

/** A parameter of a lock is wrong; the message names the field, the value and what was expected. */
export class InvalidLockError extends LockError {
  override readonly code = 'INVALID_LOCK'
}

/** The configuration is missing, broken, or has a wrong or unknown field. */
export class LockConfigError extends LockError {
  override readonly code = 'INVALID_CONFIG'
}

/** The value found in etcd is not a KeyLocks. It is left as it is. */
export class LockUnreadableError extends LockError {
  override readonly code = 'LOCK_UNREADABLE'
}

/** etcd cannot be reached for `Lock.get`: there it is a LockError, as in Spicerack, with the code that it has everywhere. */
export class LockReadError extends LockError {
  override readonly code = 'ETCD_UNAVAILABLE'
}

/** A KeyLocks cannot be turned into JSON. */
export class LockUnwritableError extends LockError {
  override readonly code = 'LOCK_UNWRITABLE'
}

/** A lock with the same id is already held under this key. */
export class LockExistingError extends LockError {
  override readonly code = 'LOCK_EXISTING'
}

/** The caller would wait for ever for a lock that it holds itself. Pass on the handle, or allow it with `allowReentry`. */
export class LockReentryError extends LockError {
  override readonly code = 'LOCK_REENTERED'
}

/** The holder renews the lock by itself, so that only its handle can make it last longer. */
export class LockRenewedError extends LockError {
  override readonly code = 'LOCK_RENEWED'
}

/** The place in the queue was taken by force: nothing is held, and nothing is waited for any more. */
export class LockDismissedError extends LockError {
  override readonly code = 'LOCK_DISMISSED'
  /** The owner that took it. */
  readonly by: string
  /** Why, for people. */
  readonly reason: string

  constructor(key: string, id: string, { by, reason }: { readonly by: string; readonly reason: string }) {
    super(printable(`${by} took the place in the queue of the lock ${key} (id ${id}) by force: ${reason}.`), {
      key,
    })
    this.by = by
    this.reason = reason
  }
}

/**
 * Why a holding was lost:
 *
 * - `expired`: its ttl is over.
 * - `released`: its own handle released it.
 * - `released-elsewhere`: it was released by its id, or by force.
 * - `lease-lost`: etcd ended its lease before its ttl was over.
 * - `unreachable`: no renewal got through in time.
 * - `closed`: the `Lock` that made it was closed. It stays in etcd until its ttl is over.
 */
export type LossReason =
  'expired' | 'released' | 'released-elsewhere' | 'lease-lost' | 'unreachable' | 'closed'

/** The lock is not held any more, or not for certain. */
export class LockLostError extends LockError {
  override readonly code = 'LOCK_LOST'
  readonly reason: LossReason
  /** Fencing token of the lost holding. */
  readonly fencingToken: bigint
  /** Fencing token of the youngest holder that was seen in its place. */
  readonly currentToken: bigint | undefined

  constructor(message: string, details: LossDetails) {
    // It may tell who released it by force, and why.
    super(printable(message), details)
    this.reason = details.reason
    this.fencingToken = details.fencingToken
    this.currentToken = details.currentToken
  }
}

export interface LossDetails extends ErrorDetails {
  readonly reason: LossReason
  readonly fencingToken: bigint
  readonly currentToken?: bigint | undefined
}

/** Other holders, or earlier waiters, have the lock, and the time to wait is over. The message names them. */
export class LockUnavailableError extends SpicerackCheckError {
  readonly code = 'LOCK_UNAVAILABLE'
}

/** The lock has as many holders as fit into one value of etcd (1 MiB of entries). */
export class LockFullError extends LockUnavailableError {}

/** etcd cannot be reached, or a write did not get through within its time (two minutes; five seconds for handles). */
export class EtcdLockUnavailableError extends SpicerackCheckError {
  readonly code = 'ETCD_UNAVAILABLE'
}

/** Whether `error` was thrown on purpose by this package (any copy of it in this process). */
export function isSpicerackError(error: unknown): error is SpicerackError {
  return typeof error === 'object' && error !== null && brand in error
}
