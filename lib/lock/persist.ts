import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import { EtcdLockUnavailableError, LockError } from '../model/errors.js'
import { isStoreError } from '../store/store-error.js'
import type { Clock } from './clock.js'

export interface Persistence {
  /** The key that errors name. */
  readonly key: string
  readonly clock: Clock
  /** Milliseconds since the start after which a failure is final. */
  readonly budget: () => number
  /** Ends the repetition after the attempt in hand, with its error. */
  readonly signal: AbortSignal | undefined
  /** Whether the process may end during the pauses. */
  readonly isBackground?: boolean
}

const backoff = new ExponentialBackoff({ initialDelay: 20, maxDelay: 1_000 })

/**
 * Repeats `work` while it fails because etcd is unreachable and the budget lasts.
 * @throws EtcdLockUnavailableError, LockError for errors of the store; others as they are.
 */
export async function persist<T>(work: () => Promise<T>, options: Persistence): Promise<T> {
  const start = options.clock.monotonic()
  const isWorthwhile = (error: unknown): boolean =>
    isStoreError(error, 'unreachable') && options.clock.monotonic() - start < options.budget()
  const policy = retry(handleWhen(isWorthwhile), { maxAttempts: Number.MAX_SAFE_INTEGER, backoff })
  try {
    return await (options.isBackground ? policy.dangerouslyUnref() : policy).execute(work, options.signal)
  } catch (error) {
    throw translated(error, options.key)
  }
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
