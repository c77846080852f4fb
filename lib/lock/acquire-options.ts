import { InvalidLockError } from '../model/errors.js'
import { shown } from '../model/shown.js'
import type { LockState } from './lock-state.js'

export interface AcquireOptions {
  /** How many may hold at once: 1 = exclusive, 0 = any number, tracked. */
  readonly concurrency: number
  /** Seconds that the lock is held at most. */
  readonly ttl: number
  /** Seconds to wait in the queue: half an hour when not given, 0 tries once, Infinity has no end. */
  readonly wait?: number
  /** Ends the wait; nothing is left in the queue. */
  readonly signal?: AbortSignal
  /** Told who holds and waits, again and again while waiting. Must not throw. */
  readonly onWait?: (status: WaitStatus) => void
}

export interface WaitStatus extends LockState {
  /** The own place in the queue, from 1. */
  readonly place: number
}

/** Half an hour, as Spicerack waits. */
const DEFAULT_WAIT = 1_800

/** @throws InvalidLockError */
export function waitMsOf({ wait = DEFAULT_WAIT }: AcquireOptions): number {
  if (typeof wait === 'number' && wait >= 0) return wait * 1000
  throw new InvalidLockError(
    `Unable to acquire, 'wait' must be a number of seconds from 0 on, got ${shown(wait)}.`,
  )
}

/** @throws InvalidLockError */
export function checkOwner(owner: string): void {
  if (typeof owner === 'string' && owner !== '' && owner.isWellFormed()) return
  throw new InvalidLockError(`The owner of locks must be a non-empty string, got ${shown(owner)}.`)
}
