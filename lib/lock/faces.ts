import { isSpicerackError } from '../model/errors.js'
import type { HoldOptions } from './acquire-options.js'
import type { HeldLock } from './held-lock.js'

/** By default a lock ends 30 s after its holder has died, and no sooner. */
export type FaceOptions = Partial<Omit<HoldOptions, 'concurrency'>>

const DEFAULTS = { ttl: 30, keepAlive: true }

/** The usual kinds of locks, all of them made by {@link hold}. */
export abstract class Faces {
  abstract hold(name: string, options: HoldOptions): Promise<HeldLock>

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
