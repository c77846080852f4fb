import type { LockKey } from '../../protocol/lock-key.js'
import type { RelukkoDTO } from '../relukko-dto.js'

/** Of so many locks it is remembered which name an id belongs to, and what was last seen of the lock. */
const MOST = 10_000

/** A lock as it was seen last; other processes may have changed it since. */
export interface RecentLock {
  readonly key: LockKey
  readonly lock: RelukkoDTO
}

/**
 * The locks that were taken or changed from here, by their ids, so that a call that names one need not read first which name it
 * has. An id belongs to one name for ever; all else may be old, and etcd decides.
 */
export class RecentLocks {
  private readonly byId = new Map<string, RecentLock>()

  get(id: string): RecentLock | undefined {
    return this.byId.get(id)
  }

  set(key: LockKey, lock: RelukkoDTO): void {
    this.byId.delete(lock.id)
    this.byId.set(lock.id, { key, lock })
    if (this.byId.size > MOST) this.byId.delete(this.byId.keys().next().value!)
  }

  delete(id: string): void {
    this.byId.delete(id)
  }
}
