import { LockLostError } from '../../model/errors.js'
import type { Held, HeldLock, HeldLocks } from './held-lock.js'

/** What is printed of a handle. Changes nothing: printing notices no loss. */
export function describeHeld(held: Held, isReleased: boolean): object {
  const { id, owner, dryRun, fencingToken, deadline, signal } = held as HeldLock & HeldLocks
  const { name, key, names, keys } = held as Partial<HeldLock & HeldLocks>
  const reason: unknown = signal.reason
  return {
    ...(name === undefined ? { names, keys } : { name, key }),
    id,
    owner,
    ...(dryRun && { dryRun }),
    fencingToken,
    state: signal.aborted ? 'lost' : isReleased ? 'released' : 'held',
    ...(signal.aborted && reason instanceof LockLostError && { reason: reason.reason }),
    deadline,
  }
}
