import { InvalidLockError, isSpicerackError } from '../model/errors.js'
import { shown } from '../model/shown.js'
import type {
  AcquiredAllOptions,
  AcquiredOptions,
  HoldAllOptions,
  HoldOptions,
  LockRequest,
} from './acquire-options.js'
import type { Held, HeldLock, HeldLocks } from './held-lock.js'
import { runHolding } from './reentry.js'

/** By default a lock ends 30 s after its holder has died, and no sooner. */
export type FaceOptions = Partial<Omit<HoldOptions, 'concurrency'>>

const DEFAULTS = { ttl: 30, keepAlive: true }

/** The usual ways to hold, all of them made of {@link hold} and {@link acquireAll}. */
export abstract class Faces {
  abstract hold(name: string, options: HoldOptions): Promise<HeldLock>
  abstract acquireAll(requests: readonly LockRequest[], options?: HoldAllOptions): Promise<HeldLocks>

  /**
   * Runs `fn` while holding the lock, which is released however `fn` ends. Rejects as `acquire` and `fn` do, and
   * with a LockLostError when the lock was lost while `fn` ran; `held.signal` tells `fn` of that in time.
   */
  async acquired<T>(
    name: string,
    options: AcquiredOptions,
    fn: (held: HeldLock) => Promise<T> | T,
  ): Promise<T> {
    checkWork('acquired', fn)
    const held = await this.hold(name, options)
    return runHeld(held, [{ key: held.key, concurrency: options.concurrency }], options, fn)
  }

  /** Like `acquireAll`, and otherwise like {@link acquired}. */
  async acquiredAll<T>(
    requests: readonly LockRequest[],
    options: AcquiredAllOptions | undefined,
    fn: (held: HeldLocks) => Promise<T> | T,
  ): Promise<T> {
    checkWork('acquiredAll', fn)
    const held = await this.acquireAll(requests, options)
    const locks = requests.map(({ concurrency }, at) => ({ key: held.keys[at]!, concurrency }))
    return runHeld(held, locks, options ?? {}, fn)
  }

  /** Nobody else holds. Throws as `hold` does. */
  exclusive(name: string, options: FaceOptions = {}): Promise<HeldLock> {
    return this.hold(name, { ...DEFAULTS, ...options, concurrency: 1 })
  }

  /** Others hold it shared, too, and nobody exclusively. Who came first is served first. Throws as `hold` does. */
  shared(name: string, options: FaceOptions = {}): Promise<HeldLock> {
    return this.hold(name, { ...DEFAULTS, ...options, concurrency: 0 })
  }

  /** At most `permits` hold. Throws as `hold` does. */
  semaphore(name: string, permits: number, options: FaceOptions = {}): Promise<HeldLock> {
    return this.hold(name, { ...DEFAULTS, ...options, concurrency: permits })
  }

  /**
   * Takes the lock (exclusively, when nothing else is said) if that can be done now; null when others stand in the way,
   * and then nothing was written. Throws as `hold` does when etcd fails or an option is wrong.
   */
  async tryAcquire(name: string, options: Partial<HoldOptions> = {}): Promise<HeldLock | null> {
    try {
      return await this.hold(name, { ...DEFAULTS, concurrency: 1, ...options, wait: 0 })
    } catch (error) {
      if (isSpicerackError(error) && error.code === 'LOCK_UNAVAILABLE') return null
      throw error
    }
  }
}

function checkWork(call: string, fn: unknown): void {
  if (typeof fn === 'function') return
  throw new InvalidLockError(`${call}: what to run while holding must be a function, got ${shown(fn)}.`)
}

/** Runs `fn` while it holds, and releases however it ends. */
async function runHeld<H extends Held, T>(
  held: H,
  locks: readonly { readonly key: string; readonly concurrency: number }[],
  { onLost = 'throw' }: AcquiredAllOptions,
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
