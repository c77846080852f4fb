import { InvalidLockError, isSpicerackError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import type {
  AcquiredAllOptions,
  AcquiredOptions,
  ShortcutOptions,
  HoldAllOptions,
  HoldOptions,
  LockRequest,
  TryOptions,
} from '../options/acquire-options.js'
import { checkOptionsOf } from '../options/check-options.js'
import type { Held, HeldLock, HeldLocks } from '../hold/held-lock.js'
import { runHolding } from '../acquire/reentry.js'

const DEFAULTS = { ttl: 30, keepAlive: true }

/** The usual ways to hold a lock, all of them made of {@link hold} and {@link acquireAll}. */
export abstract class LockShortcuts {
  abstract hold(name: string, options: HoldOptions): Promise<HeldLock>
  abstract acquireAll(requests: readonly LockRequest[], options?: HoldAllOptions): Promise<HeldLocks>

  /**
   * Runs `fn` while holding the lock, and releases the lock however `fn` ends. Resolves to the result of `fn`.
   * `held.signal` aborts before the lock can be held by another, so that `fn` can stop in time.
   * @throws what `fn` throws; if `fn` succeeds but the lock was lost meanwhile, LockLostError (unless `onLost` is
   * `'ignore'`); otherwise as {@link hold}.
   */
  async acquired<T>(
    name: string,
    options: AcquiredOptions,
    fn: (held: HeldLock) => Promise<T> | T,
  ): Promise<T> {
    checkOptionsOf('acquired', options)
    checkWork('acquired', fn)
    const { onLost, ...holding } = options
    const held = await this.hold(name, holding)
    return runHeld(held, [{ key: held.key, concurrency: options.concurrency }], onLost, fn)
  }

  /** As {@link acquired}, with several locks, all of them or none; `fn` gets one handle. Throws as `acquireAll` and `acquired`. */
  async acquiredAll<T>(
    requests: readonly LockRequest[],
    options: AcquiredAllOptions = {},
    fn: (held: HeldLocks) => Promise<T> | T,
  ): Promise<T> {
    checkOptionsOf('acquiredAll', options)
    checkWork('acquiredAll', fn)
    const { onLost, ...holding } = options
    const held = await this.acquireAll(requests, holding)
    const locks = requests.map(({ concurrency }, at) => ({ key: held.keys[at]!, concurrency }))
    return runHeld(held, locks, onLost, fn)
  }

  /** Holds the lock alone. The lease lasts 30 s and is renewed unless the options say otherwise. Throws as `hold`. */
  async exclusive(name: string, options: ShortcutOptions = {}): Promise<HeldLock> {
    checkOptionsOf('exclusive', options)
    return this.hold(name, { ...DEFAULTS, ...given(options), concurrency: 1 })
  }

  /**
   * Holds the lock together with any number of other shared holders, while no exclusive holder has it. Shared and exclusive
   * waiters are granted in the order of arrival. Lease as for {@link exclusive}. Throws as `hold`.
   */
  async shared(name: string, options: ShortcutOptions = {}): Promise<HeldLock> {
    checkOptionsOf('shared', options)
    return this.hold(name, { ...DEFAULTS, ...given(options), concurrency: 0 })
  }

  /**
   * Holds the lock with at most `permits` holders in all. Lease as for {@link exclusive}.
   * @param permits an integer from 1 on. Holders may ask for different numbers: the smallest counts.
   * @throws InvalidLockError for a bad number of permits; otherwise as `hold`.
   */
  async semaphore(name: string, permits: number, options: ShortcutOptions = {}): Promise<HeldLock> {
    checkOptionsOf('semaphore', options)
    checkPermits(permits)
    return this.hold(name, { ...DEFAULTS, ...given(options), concurrency: permits })
  }

  /**
   * Takes the lock if it is available now, exclusively unless `concurrency` is given. Resolves to null if it is not
   * immediately available; then nothing was written. Lease as for {@link exclusive}.
   * @throws InvalidLockError for a bad name or option, EtcdLockUnavailableError, LockUnreadableError, LockError.
   */
  async tryAcquire(name: string, options: TryOptions = {}): Promise<HeldLock | null> {
    checkOptionsOf('tryAcquire', options)
    try {
      return await this.hold(name, { ...DEFAULTS, concurrency: 1, ...given(options), wait: 0 })
    } catch (error) {
      if (isSpicerackError(error) && error.code === 'LOCK_UNAVAILABLE') return null
      throw error
    }
  }
}

function checkWork(call: string, fn: unknown): void {
  if (typeof fn === 'function') return
  throw new InvalidLockError(
    `${call}: what to run while holding must be a function, got ${describeValue(fn)}.`,
  )
}

/** A semaphore without permits would never be had, and a concurrency of 0 has no limit. */
function checkPermits(permits: unknown): void {
  if (Number.isSafeInteger(permits) && (permits as number) >= 1) return
  throw new InvalidLockError(
    `semaphore: the number of permits must be an integer from 1 on, got ${describeValue(permits)}.`,
  )
}

/** Options that are undefined count as not given. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

/** Runs `fn` while it holds, and releases however it ends. */
async function runHeld<H extends Held, T>(
  held: H,
  locks: readonly { readonly key: string; readonly concurrency: number }[],
  onLost: AcquiredAllOptions['onLost'] = 'throw',
  fn: (held: H) => Promise<T> | T,
): Promise<T> {
  const isHeld = (): boolean => held.remaining() > 0
  try {
    const result = await runHolding(locks, isHeld, () => fn(held))
    // Looks at the clocks: the timer that aborts the signal may not have had a chance to run.
    held.remaining()
    if (onLost === 'throw') held.signal.throwIfAborted()
    return result
  } finally {
    await held.release()
  }
}
