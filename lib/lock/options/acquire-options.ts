import { InvalidLockError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import type { WaitStatus } from '../../model/lock-state.js'
import { checkWait } from './check-arguments.js'

export interface AcquireOptions {
  /** How many may hold at once: 1 = exclusive, 0 = any number, tracked. */
  readonly concurrency: number
  /** Seconds that the lock is held at most, unless it is renewed. By default etcd grants no lease shorter than 2 s. */
  readonly ttl: number
  /** Seconds to wait in the queue: half an hour when not given, 0 tries once, Infinity has no end. */
  readonly wait?: number
  /** Ends the wait; nothing is left in the queue. */
  readonly signal?: AbortSignal
  /** Told the holders and the queue, again and again while waiting. An error that it throws is logged. */
  readonly onWait?: (status: WaitStatus) => void
  /** Lets code wait inside `acquired` for the very lock that it holds; otherwise a LockReentryError at once. */
  readonly allowReentry?: boolean
}

export interface HoldOptions extends AcquireOptions {
  /** Renews the lock until it is released or lost; otherwise it ends after `ttl`, as in Spicerack. */
  readonly keepAlive?: boolean
  /** Seconds before the deadline at which the handle says `expiring`: a fifth of the ttl when not given. */
  readonly expiring?: number
}

/** One of the locks that are wanted together. */
export interface LockRequest {
  readonly name: string
  /** How many may hold at once: 1 = exclusive, 0 = any number, tracked. */
  readonly concurrency: number
  /** Seconds that the lock is held at most. */
  readonly ttl: number
}

export type HoldAllOptions = Omit<HoldOptions, keyof LockRequest>
export type AcquiredAllOptions = Omit<AcquiredOptions, keyof LockRequest>

export interface AcquiredOptions extends HoldOptions {
  /** Whether the call rejects with a LockLostError if the lock was lost although the function succeeded: `'throw'` when not given. */
  readonly onLost?: 'throw' | 'ignore'
}

/** By default the ttl is 30 s and the lease is renewed: a lock whose holder has died ends 30 s later. */
export type ShortcutOptions = Partial<Omit<HoldOptions, 'concurrency'>>
/** As {@link ShortcutOptions}; exclusive when no concurrency is given. Nobody waits. */
export type TryOptions = Partial<Omit<HoldOptions, 'wait' | 'onWait' | 'allowReentry'>>

export interface MonitorOptions {
  /** Whether the lease is renewed until the end. */
  readonly keepAlive: boolean
  /** How long before the deadline to say that it comes, milliseconds. */
  readonly expiringMs: number
}

/** Half an hour, as Spicerack waits. */
const DEFAULT_WAIT = 1_800

/** Milliseconds. @throws InvalidLockError */
export function waitMsOf({ wait = DEFAULT_WAIT }: Pick<AcquireOptions, 'wait'>): number {
  checkWait(wait)
  return wait * 1000
}

/** How a holding of `ttl` seconds is looked after. @throws InvalidLockError */
export function monitorOptionsOf(
  ttl: number,
  { keepAlive = false, expiring = ttl / 5 }: Pick<HoldOptions, 'keepAlive' | 'expiring'>,
): MonitorOptions {
  if (typeof expiring !== 'number' || !(expiring >= 0 && expiring < ttl)) {
    throw new InvalidLockError(
      `Unable to acquire, 'expiring' must be a number of seconds from 0 to less than the ttl, got ${describeValue(expiring)}.`,
    )
  }
  const expiringMs = expiring * 1000
  if (lastMade.keepAlive !== keepAlive || lastMade.expiringMs !== expiringMs)
    lastMade = { keepAlive, expiringMs }
  return lastMade
}

/** What is held is many, and most is looked after alike. */
let lastMade: MonitorOptions = { keepAlive: false, expiringMs: 0 }
