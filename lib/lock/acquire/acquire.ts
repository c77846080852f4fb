import type { LeaseId } from '../../kv/key-value.js'
import { EtcdLockUnavailableError } from '../../model/errors.js'
import { StoreError } from '../../store/store-error.js'
import { type StopSignal, throwIfAborted } from '../../time/abort-signal.js'
import type { Timer } from '../../time/clock.js'
import { AcquireAttempt } from './acquire-attempt.js'
import type { Pause } from './attempt-state.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import { translated } from '../../store/retry.js'
import { releaseById } from '../release/release.js'
import { WaitDeadline } from '../../time/wait-deadline.js'
import { unavailable } from './unavailable-error.js'

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
  const attempt = new AcquireAttempt(engine, targets, waitMs > 0, stop, onWait !== undefined)
  try {
    const end = await outcomeOf(engine, stop, pursue(engine, attempt, stop, onWait))
    if (end === 'hold') {
      const { holdings } = attempt
      for (const holding of holdings) engine.holdings.add(holding)
      attempt.shareWhatItSaw()
      return holdings
    }
    if (stop.isAbandoned) throw stop.reason
    if (end) throw unavailable(attempt.seen, engine.clock.now())
    const silence = new StoreError('unreachable', 'no answer when the time to wait was over')
    throw reasonOf(translated(silence, attempt.path), engine, attempt)
  } finally {
    stop.isAbandoned = true
    stop.close()
  }
}

type End = 'hold' | 'left'

/** From the first call to the end, after which nothing is left in etcd that is not wanted. Undefined when nobody waits for it any more. */
async function pursue(
  engine: Engine,
  attempt: AcquireAttempt,
  stop: WaitDeadline,
  onWait: WaitOptions['onWait'],
): Promise<End | undefined> {
  let end: End | undefined
  let failure: Error | undefined
  engine.ids.seek(attempt.uuid)
  try {
    end = await waitUntilHeld(engine, attempt, stop, onWait)
  } catch (error) {
    if (!stop.aborted) {
      attempt.finish(undefined)
      throw error
    }
    failure = error as Error
  }
  if (!end) {
    const budget = engine.budget(LEAVE_MS)
    const leave = engine.retry(attempt, within => attempt.withdraw(within), { budget })
    end = await leave.then(endOf, (error: Error) => void (failure ??= error))
  }
  attempt.finish(end)
  if (stop.isAbandoned) return releaseUnwanted(engine, attempt, end)
  // When etcd has answered in the end, who holds is known.
  const isOver = end !== undefined && failure instanceof EtcdLockUnavailableError
  if (!failure || isOver || end === 'hold') return end
  throw reasonOf(failure, engine, attempt)
}

/** Until the lock is held or known to be blocked; undefined when the wait is stopped. */
async function waitUntilHeld(
  engine: Engine,
  attempt: AcquireAttempt,
  stop: StopSignal,
  onWait: WaitOptions['onWait'],
): Promise<End | undefined> {
  const budget = attempt.mayWait ? undefined : engine.budget(IMPATIENT_MS)
  try {
    for (;;) {
      const pause = await engine.retry(attempt, within => attempt.advance(within), { signal: stop, budget })
      if (pause.kind !== 'wait') return endOf(pause)
      // The place in a queue of which only the beginning is known would be wrong; it is read next.
      const { seen } = attempt
      if (onWait && seen.every(({ snapshot }) => snapshot.isWhole)) onWait(seen)
      attempt.keepAlive()
      attempt.see(await attempt.waiting.next(seen, pause.until))
    }
  } finally {
    attempt.waiting.close()
  }
}

function endOf({ kind }: Pause): End | undefined {
  return kind === 'hold' || kind === 'left' ? kind : undefined
}

/**
 * A release may grant the lock while the waiter leaves the queue. When its caller has gone, it releases what it got, unless another
 * process has moved the holding to a lease of its own: then it is not ours to release.
 */
async function releaseUnwanted(
  engine: Engine,
  attempt: AcquireAttempt,
  end: End | undefined,
): Promise<undefined> {
  if (end !== 'hold') return
  const isOurs = (lease: LeaseId): boolean => attempt.isOwnLease(lease)
  if (attempt.holdings.every(({ lease }) => isOurs(lease.id))) {
    for (const holding of attempt.holdings) engine.holdings.add(holding)
    const budget = engine.budget(LEAVE_MS)
    // Also when this fails, the leases are revoked.
    await releaseById(engine, attempt.keys, attempt.uuid, { budget, isOurs }).catch(() => {})
  } else for (const { path } of attempt.keys) engine.ids.rest(path, attempt.uuid)
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
    work.then(
      result => {
        end()
        resolve(result)
      },
      (error: Error) => {
        end()
        reject(error)
      },
    )
    if (stop.aborted) onStop()
    else stop.addEventListener('abort', onStop)
  })
}
