import { EtcdLockUnavailableError, LockError } from '../model/errors.js'
import { isStoreError } from './store-error.js'
import type { StopSignal } from '../time/abort-signal.js'
import { Backoff } from '../time/backoff.js'
import type { Budget } from '../time/budget.js'
import type { Clock } from '../time/clock.js'

export interface RetryOptions {
  /** What errors name. It is not asked before there is one. */
  readonly key: { readonly path: string }
  readonly budget: Budget
  /** Ends the repetition, with the error of the last attempt. */
  readonly signal?: StopSignal | undefined
  /** Whether the process may end during the pauses. */
  readonly isBackground?: boolean
}

/** The pauses between attempts, milliseconds. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 1_000

/**
 * Repeats `work` while it fails because etcd is unreachable and the budget lasts, to which each attempt must keep as well.
 * @throws EtcdLockUnavailableError, LockError for errors of the store; others as they are.
 */
export function retry<T>(work: Work<T>, options: RetryOptions): Promise<T> {
  // Most work succeeds at once, and needs nothing of what repeats it.
  const again = (error: unknown): Promise<T> => repeat(error, work, options)
  try {
    return Promise.resolve(work(options.budget)).catch(again)
  } catch (error) {
    return again(error)
  }
}

type Work<T> = (within: Budget) => Promise<T>

/** After the first failure. */
async function repeat<T>(
  failure: unknown,
  work: Work<T>,
  { key, budget, signal, isBackground = false }: RetryOptions,
): Promise<T> {
  const backoff = new Backoff(budget.clock, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
  for (let error = failure; ;) {
    const pause = backoff.next()
    const isWorthwhile = isStoreError(error, 'unreachable') && pause < budget.timeoutMs
    if (isWorthwhile && !signal?.aborted) await lapse(budget.clock, pause, signal, isBackground)
    if (!isWorthwhile || signal?.aborted) throw translated(error, key.path)
    try {
      return await work(budget)
    } catch (again) {
      error = again
    }
  }
}

/** Resolves after so many milliseconds, or at the signal. */
function lapse(
  clock: Clock,
  ms: number,
  signal: StopSignal | undefined,
  isBackground: boolean,
): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.timer(ms, end)
    if (isBackground) timer.unref()
    signal?.addEventListener('abort', end)
  })
}

/** An error of the store in the words of the locks. */
export function translated(error: unknown, key: string): unknown {
  if (!isStoreError(error)) return error
  if (error.reason === 'unreachable') {
    const advice = 'Check that etcd runs and that the configured endpoints are right.'
    return new EtcdLockUnavailableError(`etcd cannot be reached for ${key}: ${error.message}. ${advice}`, {
      key,
      cause: error,
    })
  }
  return new LockError(`etcd did not serve ${key}: ${error.message}`, { key, cause: error })
}
