import type { LeaseId } from '../../kv/key-value.js'
import type { Step } from '../../protocol/decide.js'
import { EtcdLockUnavailableError } from '../../model/errors.js'
import { StoreError } from '../../store/store-error.js'
import { type StopSignal, throwIfAborted } from '../../time/abort-signal.js'
import type { Timer } from '../../time/clock.js'
import { AcquireAttempt } from './acquire-attempt.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import { translated } from '../../store/retry.js'
import { releaseById } from '../release/release.js'
import { WaitDeadline } from '../../time/wait-deadline.js'
import { mayBeHandedOver } from '../../protocol/hand-over.js'
import { unavailable } from './unavailable-error.js'
import { QueueWatcher } from './queue-watcher.js'

/** How long an attempt that does not wait repeats its calls while etcd is unreachable: its members may elect a leader meanwhile. */
const IMPATIENT_MS = 5_000
/** How long leaving the queues may take. After that the leases end by themselves. */
const LEAVE_MS = 1_000
/** How long the caller waits for that when etcd has answered lately, so that the reason is known. */
const LEAVE_SOON_MS = 500

export interface WaitOptions {
  /** Milliseconds; 0 tries once. */
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
  /** Called with the state in etcd whenever the waiter has read it. */
  readonly onWait?: ((seen: readonly TargetSnapshot[]) => void) | undefined
}

/**
 * Gets the lock, or all locks at once, in the order of arrival.
 * @throws LockUnavailableError when the time is over, the signal's reason when it is aborted,
 * EtcdLockUnavailableError, LockUnreadableError, LockError.
 */
export async function acquire(
  engine: Engine,
  targets: readonly LockTarget[],
  options: WaitOptions,
): Promise<Holding[]> {
  const { signal, waitMs, onWait } = options
  if (signal?.aborted) for (const { key, terms } of targets) engine.ids.free(key.path, terms.uuid)
  throwIfAborted(signal)
  const stop = new WaitDeadline(signal, waitMs, engine.clock)
  const onHandOver = (): void => attempt.renewLeases()
  const waiting = new QueueWatcher(engine, targets, stop, {
    isShown: onWait !== undefined,
    isHandedOver: targets.every(({ terms, extraOps }) => mayBeHandedOver(terms.ttl) && !extraOps),
    onHandOver,
  })
  const attempt = new AcquireAttempt(engine, targets, waitMs > 0, waiting)
  try {
    const work = finish(engine, attempt, stop, waitUntilHeld(engine, attempt, waiting, stop, onWait))
    const step = await outcomeOf(engine, stop, work)
    if (step?.kind === 'held') {
      const { holdings } = attempt
      for (const holding of holdings) engine.holdings.add(holding)
      attempt.shareWhatItSaw()
      return holdings
    }
    if (stop.isAbandoned) throw stop.reason
    if (step) throw unavailable(attempt.seen, engine.clock.now())
    const silence = new StoreError('unreachable', 'no answer when the time to wait was over')
    throw reasonOf(translated(silence, attempt.path), engine, attempt)
  } finally {
    stop.isAbandoned = true
    stop.close()
  }
}

/** Until the lock is held, known to be blocked, or the wait is stopped. */
async function waitUntilHeld(
  engine: Engine,
  attempt: AcquireAttempt,
  waiting: QueueWatcher,
  stop: StopSignal,
  onWait: WaitOptions['onWait'],
): Promise<Step> {
  const budget = attempt.mayWait ? undefined : engine.budget(IMPATIENT_MS)
  try {
    for (;;) {
      const step = await engine.retry(attempt, within => attempt.advance(stop, within), {
        signal: stop,
        budget,
      })
      if (step.kind !== 'wait' || stop.aborted) return step
      // The place in a queue of which only the beginning is known would be wrong; it is read next.
      const { seen } = attempt
      if (onWait && seen.every(({ snapshot }) => snapshot.isWhole)) onWait(seen)
      attempt.keepAlive(() => waiting.look())
      attempt.see(await waiting.next(seen, step.until))
    }
  } finally {
    waiting.close()
  }
}

/**
 * Waits for the end of `pursuit`, and leaves nothing behind in etcd that is not wanted. A release may grant the lock while the
 * waiter leaves the queue:
 *
 *     the time is over · a release grants to the ticket · the waiter deletes the ticket, which is gone
 *
 * It then holds. When the caller has gone, it releases what it got.
 */
async function finish(
  engine: Engine,
  attempt: AcquireAttempt,
  stop: WaitDeadline,
  pursuit: Promise<Step>,
): Promise<Step | undefined> {
  let step: Step | undefined
  let failure: Error | undefined
  try {
    step = await pursuit
  } catch (error) {
    if (!stop.aborted) {
      attempt.finish(undefined)
      throw error
    }
    failure = error as Error
  }
  if (step?.kind !== 'held') {
    const budget = engine.budget(LEAVE_MS)
    const leave = engine.retry(attempt, within => attempt.withdraw(within), { budget })
    step = await leave.catch((error: Error) => void (failure ??= error))
  }
  attempt.finish(step)
  if (!stop.isAbandoned) {
    // When etcd has answered in the end, who holds is known.
    const isOver = step !== undefined && failure instanceof EtcdLockUnavailableError
    if (!failure || isOver || step?.kind === 'held') return step
    throw reasonOf(failure, engine, attempt)
  }
  const isOurs = (lease: LeaseId): boolean => attempt.isOwnLease(lease)
  // Another process may have moved the holding to a lease of its own: then it is not ours to release.
  if (step?.kind === 'held' && attempt.holdings.every(({ lease }) => isOurs(lease.id))) {
    for (const holding of attempt.holdings) engine.holdings.add(holding)
    const budget = engine.budget(LEAVE_MS)
    // Also when this fails, the leases are revoked.
    await releaseById(engine, attempt.keys, attempt.uuid, { budget, isOurs }).catch(() => {})
  } else if (step?.kind === 'held') {
    for (const { path } of attempt.keys) engine.ids.rest(path, attempt.uuid)
  }
  return undefined
}

/**
 * Why the wait ended without the lock: other processes were in the way when etcd last answered, if that was lately; otherwise the
 * failure.
 */
function reasonOf(failure: unknown, engine: Engine, attempt: AcquireAttempt): unknown {
  const isEtcd = failure instanceof EtcdLockUnavailableError
  if (!isEtcd || !engine.hasAnsweredWithin(IMPATIENT_MS) || !attempt.isBlocked) return failure
  return unavailable(attempt.seen, engine.clock.now())
}

/** The result of `work`, which a closing engine waits for; undefined when it does not end soon after the stop. */
function outcomeOf<T>(engine: Engine, stop: WaitDeadline, work: Promise<T>): Promise<T | undefined> {
  engine.waits.set(stop, work)
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined
    const onStop = (): void => {
      const patience = engine.hasAnsweredWithin(IMPATIENT_MS) ? LEAVE_SOON_MS : LEAVE_MS
      timer = engine.clock.timer(patience, () => resolve(undefined))
    }
    const end = (): void => {
      engine.waits.delete(stop)
      timer?.cancel()
      stop.removeEventListener('abort', onStop)
    }
    work.then(end, end)
    work.then(resolve, reject)
    if (stop.aborted) onStop()
    else stop.addEventListener('abort', onStop)
  })
}
