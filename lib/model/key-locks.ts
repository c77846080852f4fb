import { ConcurrentLock, type ConcurrentLockDict } from './concurrent-lock.js'
import {
  LockExistingError,
  LockUnavailableError,
  LockUnreadableError,
  LockUnwritableError,
} from './errors.js'
import { cameWithHolderKey } from './lock-id.js'
import { printable, shorten } from './describe-value.js'
import { Timestamp } from './timestamp.js'

/** How live entries of a KeyLocks are told from dead ones. */
export interface Liveness {
  readonly now?: Timestamp
  /**
   * The ids whose holder key stands in etcd: they are live whatever the clock says. Any other id that was written together
   * with a holder key is dead. If this is not given, the clock decides.
   */
  readonly alive?: Pick<ReadonlySet<string>, 'has'>
}

const NOBODY = new Map<string, ConcurrentLock>()

/** The value of a lock in etcd: its holders by id, in the order in which they came. */
export class KeyLocks {
  private entries = NOBODY
  /** Whether another has these entries, too: they are copied before they are changed. */
  #isShared = true

  constructor(
    readonly key: string,
    locks: Iterable<ConcurrentLock> = [],
  ) {
    for (const lock of locks) this.changeable.set(lock.uuid, lock)
  }

  /** @throws LockUnreadableError when the text is not the JSON of a KeyLocks. */
  static fromJson(key: string, text: string): KeyLocks {
    try {
      const dicts: unknown = JSON.parse(text)
      if (typeof dicts !== 'object' || dicts === null || Array.isArray(dicts))
        throw new TypeError('not an object')
      return new KeyLocks(
        key,
        Object.entries(dicts).map(([uuid, dict]) => ConcurrentLock.fromDict(uuid, dict)),
      )
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const message = `Unable to read the locks of ${key}: ${printable(why)}\nThe value is: ${printable(shorten(text))}`
      throw new LockUnreadableError(message, { key, cause })
    }
  }

  /**
   * Either may be changed without the other.
   * @internal
   */
  copy(): KeyLocks {
    const copy = new KeyLocks(this.key)
    copy.share(this.entries)
    this.#isShared = true
    return copy
  }

  /** Holders by id, in the order in which they came, as they are now: read it again after a change. */
  get locks(): ReadonlyMap<string, ConcurrentLock> {
    return this.entries
  }

  /** @throws LockUnwritableError when a `created` lies outside the years 1 to 9999. */
  toJson(): string {
    try {
      // Not an object literal: an id like "1" would jump the order, and "__proto__" vanish.
      let entries = ''
      for (const lock of this.entries.values())
        entries += `${entries && ', '}${JSON.stringify(lock.uuid)}: ${String(lock)}`
      return `{${entries}}`
    } catch (cause) {
      const message = `Unable to write the locks of ${this.key}: ${String(cause)}`
      throw new LockUnwritableError(message, { key: this.key, cause })
    }
  }

  /** For `JSON.stringify`: entries by id. What goes to etcd is {@link toJson}. */
  toJSON(): Record<string, ConcurrentLockDict> {
    return Object.fromEntries([...this.entries].map(([uuid, lock]) => [uuid, lock.toDict()]))
  }

  /** The dead entries: their holder key is gone, or they never had one and `created + ttl` has passed. */
  expired({ now = Timestamp.now(), alive }: Liveness = {}): ConcurrentLock[] {
    if (this.entries.size === 0) return []
    return [...this.entries.values()].filter(lock => {
      const { uuid } = lock
      // Most are, and to look at an id costs more.
      if (alive?.has(uuid)) return false
      return (alive && cameWithHolderKey(uuid)) || lock.expiresAt.isBefore(now)
    })
  }

  /** The entries that are not {@link expired}. */
  live(liveness: Liveness = {}): ConcurrentLock[] {
    const dead = this.expired(liveness)
    if (dead.length === 0) return [...this.entries.values()]
    const expired = new Set(dead)
    return [...this.entries.values()].filter(lock => !expired.has(lock))
  }

  /** Whether one more holder with this concurrency stays within its own limit and those of the live holders. */
  fits({ concurrency }: { readonly concurrency: number }, liveness: Liveness = {}): boolean {
    if (this.entries.size === 0) return true
    const live = this.live(liveness)
    return live.length < smallestLimit([concurrency, ...live.map(lock => lock.concurrency)])
  }

  /**
   * Drops the expired entries, adds the lock with `created` = now, and returns those dropped. When it
   * throws, nothing has changed.
   * @throws LockExistingError, LockUnavailableError naming every live holder.
   */
  add(lock: ConcurrentLock, liveness: Liveness = {}): ConcurrentLock[] {
    const now = liveness.now ?? Timestamp.now()
    const at = liveness.now ? liveness : { ...liveness, now }
    const expired = this.expired(at)
    const existing = this.entries.get(lock.uuid)
    if (existing && !expired.includes(existing)) {
      throw new LockExistingError(
        `${String(lock)} for key ${this.key}: a lock with the same ID ${lock.uuid} already exists: ${String(existing)}`,
        { key: this.key },
      )
    }
    if (!this.fits(lock, at)) throw this.unavailable(lock, at)
    for (const { uuid } of expired) this.remove(uuid)
    lock.updateCreated(now)
    this.changeable.set(lock.uuid, lock)
    return expired
  }

  /** Removes the entry of an id, and returns it. */
  remove(uuid: string): ConcurrentLock | undefined {
    const lock = this.entries.get(uuid)
    if (lock && this.entries.size === 1) this.share(NOBODY)
    else if (lock) this.changeable.delete(uuid)
    return lock
  }

  private share(entries: Map<string, ConcurrentLock>): void {
    this.entries = entries
    this.#isShared = true
  }

  private get changeable(): Map<string, ConcurrentLock> {
    if (this.#isShared) this.entries = new Map(this.entries)
    this.#isShared = false
    return this.entries
  }

  private unavailable(lock: ConcurrentLock, liveness: Liveness): LockUnavailableError {
    const live = this.live(liveness)
    const held = smallestLimit(live.map(({ concurrency }) => concurrency))
    const limit =
      live.length >= held ? `the concurrency allowed is ${held}` : `${lock.concurrency} was requested`
    const holders = live.map(({ created, owner }) => `    ${String(created)}: ${printable(owner)}`)
    return new LockUnavailableError(
      `${String(lock)} for key ${this.key}.\nThere are already ${live.length} concurrent locks and ${limit}:\n` +
        holders.join('\n'),
      { key: this.key },
    )
  }
}

function smallestLimit(concurrencies: readonly number[]): number {
  return Math.min(...concurrencies.map(concurrency => concurrency || Infinity))
}
