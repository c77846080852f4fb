import type { LeaseId } from '../../kv/key-value.js'
import type { Transaction } from '../../kv/transaction.js'
import type { StoreErrorReason } from '../../store/store-error.js'
import type { Lease } from '../leases/lease.js'

/** What puts the holdings of one id on new leases. */
export interface TransferPlan<T> {
  /** By lock: fresh ones, which nothing else uses. */
  readonly leases: readonly Lease[]
  /** By lock: etcd applies all of them or none. */
  readonly transactions: readonly Transaction[]
  /** The holder may not hear of it, and relies on what it was promised. */
  readonly keepsPromise: boolean
  /** What the caller gets when it is done. */
  readonly outcome: T
}

/** A plan, with what it was made from. */
export interface TransferAttempt<T> extends TransferPlan<T> {
  /** By lock: the lease that the holding leaves. */
  readonly left: readonly LeaseId[]
  /** By lock: the revisions that the transactions compare, of its KeyLocks and of the holder key. Once one has changed, they can never be applied. */
  readonly revisions: readonly bigint[]
}

/** What a read shows of the holdings. */
export interface HoldingsSeen {
  /** By lock: the lease that the holding is on; undefined when it is gone. */
  readonly leases: readonly (LeaseId | undefined)[]
  /** By lock: the revision of its KeyLocks, and the create revision of the holder key. */
  readonly revisions: readonly bigint[]
}

/**
 * How far the transfer has come.
 * - `unplanned`: there is no attempt that etcd could still apply.
 * - `planned`: an attempt is ready; etcd has answered each time that it was sent, and has not applied it.
 * - `unanswered`: the attempt was sent and no answer came: it may have been applied, or may be yet.
 * - `moved`: the holdings are on the leases of the attempt.
 * - `gone`: one of the locks is not held any more, so that nothing can be moved.
 */
export type TransferState<T> =
  | { readonly phase: 'unplanned' | 'gone' }
  | { readonly phase: 'planned' | 'unanswered' | 'moved'; readonly attempt: TransferAttempt<T> }

/**
 * What happens to it: a read, a plan that was made from it, the answer to an attempt (or the reason why there is none), and
 * the caller's giving up. `holdings` and `attempt` are undefined when nothing is held.
 */
export type TransferEvent<T> =
  | { readonly type: 'seen'; readonly holdings: HoldingsSeen | undefined }
  | { readonly type: 'planned'; readonly attempt: TransferAttempt<T> | undefined }
  | { readonly type: 'applied' | 'not-applied' | StoreErrorReason | 'abandoned' }

export interface TransferStep<T> {
  readonly state: TransferState<T>
  /** Leases of an attempt that has ended, which the holdings are not on and will not be. */
  readonly unused: readonly Lease[]
  /** Leases that nothing uses any more: they are to be revoked. */
  readonly revocable: readonly LeaseId[]
}

/** The next state of a transfer, and what is to become of leases. */
export function nextTransfer<T>(state: TransferState<T>, event: TransferEvent<T>): TransferStep<T> {
  if (event.type === 'seen') return onSeen(state, event.holdings)
  if (event.type === 'planned') {
    return { ...unchanged, state: event.attempt ? { phase: 'planned', attempt: event.attempt } : GONE }
  }
  if (!('attempt' in state)) return { ...unchanged, state }
  const { attempt } = state
  switch (event.type) {
    case 'applied':
      return moved(attempt)
    case 'unreachable':
      return { ...unchanged, state: { phase: 'unanswered', attempt } }
    // An earlier send without an answer may have been applied, and made this one fail: the phase stays, the next read tells.
    case 'not-applied':
      return { ...unchanged, state }
    // It says nothing of what was sent before and had no answer, which may have been applied, or may be yet.
    case 'refused':
    case 'closed':
      return { ...unchanged, state }
    // etcd looks for leases only after all compares have held, so no earlier send was applied: the holdings are where they were.
    case 'lease-not-found':
      return { state: UNPLANNED, ...leave(state, attempt.left) }
    case 'abandoned':
      if (state.phase !== 'planned') return { ...unchanged, state }
      return { state: UNPLANNED, ...leave(state, attempt.left) }
  }
}

const UNPLANNED = { phase: 'unplanned' } as const
const GONE = { phase: 'gone' } as const
const unchanged = { unused: [], revocable: [] }

function onSeen<T>(state: TransferState<T>, holdings: HoldingsSeen | undefined): TransferStep<T> {
  const attempt = 'attempt' in state ? state.attempt : undefined
  const current = holdings?.leases ?? []
  if (attempt?.leases.every(({ id }, at) => id === current[at])) return moved(attempt)
  if (!holdings || current.includes(undefined)) return { state: GONE, ...leave(state, current) }
  const isApplicable = attempt?.revisions.every((revision, at) => revision === holdings.revisions[at])
  if (isApplicable) return { ...unchanged, state }
  // An extension whose answer was lost may have been applied, and another process may have moved one holding on since. That
  // process revokes the lease that the holding left, sooner or later: there is no way back to the leases of this attempt.
  return { state: UNPLANNED, ...leave(state, current) }
}

function moved<T>(attempt: TransferAttempt<T>): TransferStep<T> {
  return { state: { phase: 'moved', attempt }, unused: [], revocable: attempt.left }
}

/**
 * What becomes of the leases of an attempt that can never be applied any more.
 * @param current the leases that the holdings are on.
 */
function leave<T>(
  state: TransferState<T>,
  current: readonly (LeaseId | undefined)[],
): Pick<TransferStep<T>, 'unused' | 'revocable'> {
  if (!('attempt' in state)) return unchanged
  const { leases, left } = state.attempt
  const isHeld = (at: number): boolean => current[at] !== undefined
  // A holding that is gone may have been released on a lease of an unanswered attempt, or on the one before. The process that
  // released it may have given that lease to another lock by now.
  const ours = leases.filter((_, at) => isHeld(at) || state.phase !== 'unanswered').map(({ id }) => id)
  const theirs = left.filter((_, at) => isHeld(at))
  return {
    unused: leases.filter(({ id }) => !current.includes(id)),
    revocable: [...ours, ...theirs].filter(id => !current.includes(id)),
  }
}
