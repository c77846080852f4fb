import { type Logger, pino } from 'pino'
import type { LockConfig } from '../config/schema.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import { ALLOWED_PREFIXES } from '../model/constants.js'
import type { KeyLocks } from '../model/key-locks.js'
import type { LockKey } from '../protocol/lock-key.js'
import { checkAllowedPrefix, checkPrefix, lockKey } from '../protocol/lock-name.js'
import { keyLocksOf, type Snapshot } from '../protocol/snapshot.js'
import type { Store } from '../store/store.js'
import { acquire } from './acquire.js'
import { type AcquireOptions, checkOwner, waitMsOf } from './acquire-options.js'
import type { Engine } from './engine.js'
import { extend } from './extend.js'
import { HeldLock } from './held-lock.js'
import { type LockState, stateOf, stateOrProblem } from './lock-state.js'
import { listStates } from './list.js'
import { openEngine } from './open-engine.js'
import { reading } from './reading.js'
import { release } from './release.js'
import { unavailable } from './unavailable.js'

export interface LockOptions {
  /** How to reach etcd; see the README. Connects at the first call. */
  readonly config?: LockConfig
  /** Instead of `config`: a store of the caller's, which stays open when this lock is closed. */
  readonly store?: Store
  /** One of `ALLOWED_PREFIXES` or of `allowedPrefixes`. */
  readonly prefix: string
  /** Who holds, for people: usually `user@host [pid]`. */
  readonly owner: string
  /** Reads and checks for real, never writes. On unless switched off, as in Spicerack. */
  readonly dryRun?: boolean
  /** More prefixes that may be used. */
  readonly allowedPrefixes?: readonly string[]
  /** Silent when not given. */
  readonly logger?: Logger
}

const SKIPPED = 'Skipping lock acquire/release in DRY-RUN mode'

/** The locks under one prefix, for one owner. */
export class Lock {
  readonly prefix: string
  readonly owner: string
  readonly dryRun: boolean
  private readonly log: Logger
  private engine: Promise<Engine> | undefined

  /** @throws LockError for a prefix that is not allowed, InvalidLockError for a bad owner. */
  constructor(private readonly options: LockOptions) {
    const { prefix, owner, dryRun = true, allowedPrefixes = [], logger = pino({ level: 'silent' }) } = options
    allowedPrefixes.forEach(checkAllowedPrefix)
    checkPrefix(prefix, [...ALLOWED_PREFIXES, ...allowedPrefixes])
    checkOwner(owner)
    this.prefix = prefix
    this.owner = owner
    this.dryRun = dryRun
    this.log = logger
  }

  /**
   * Who holds now; nobody when the lock does not exist.
   * @throws InvalidLockError for a bad name, LockUnreadableError, LockError when etcd fails.
   */
  async get(name: string): Promise<KeyLocks> {
    const key = lockKey(this.prefix, name)
    const engine = await this.open()
    return reading(engine, key.path, async () => keyLocksOf(await engine.read(key)))
  }

  /**
   * Waits in the queue until the lock is held, and resolves to the id of the holding. It lasts until
   * {@link release} or for `ttl` seconds, even when this process exits.
   * @throws InvalidLockError for a bad name or option, LockUnavailableError when others hold it for longer than
   * `wait`, EtcdLockUnavailableError, LockUnreadableError, LockError, and the reason of an aborted `signal`.
   */
  async acquire(name: string, options: AcquireOptions): Promise<string> {
    const key = lockKey(this.prefix, name)
    const { concurrency, ttl, signal, onWait } = options
    const lock = new ConcurrentLock({ concurrency, ttl, owner: this.owner })
    const waitMs = waitMsOf(options)
    this.log.debug({ key: key.path, id: lock.uuid, owner: this.owner, concurrency, ttl }, 'Acquiring lock')
    const engine = await this.open()
    if (this.dryRun) await this.pretend(engine, key, lock)
    else {
      const terms = { uuid: lock.uuid, owner: this.owner, concurrency, ttl }
      const report = (snapshot: Snapshot, place: number): void => {
        onWait?.({ ...stateOrProblem(snapshot, engine.clock.now()), place })
      }
      await acquire(engine, key, terms, { waitMs, signal, onWait: onWait && report })
    }
    this.log.info({ key: key.path, id: lock.uuid, owner: this.owner, concurrency, ttl }, 'Acquired lock')
    return lock.uuid
  }

  /** Runs `fn` while holding the lock, which is released however `fn` ends. Rejects as `fn` does. */
  async acquired<T>(name: string, options: AcquireOptions, fn: (id: string) => Promise<T> | T): Promise<T> {
    const id = await this.acquire(name, options)
    try {
      return await fn(id)
    } finally {
      await this.release(name, id)
    }
  }

  /** Like {@link acquire}, for `await using held = await lock.hold(…)`. */
  async hold(name: string, options: AcquireOptions): Promise<HeldLock> {
    return new HeldLock(this, name, await this.acquire(name, options))
  }

  /**
   * Releases by id, from any process. Best effort: what fails is logged, and the lock ends with its ttl
   * anyway. Never rejects.
   */
  async release(name: string, id: string): Promise<void> {
    const fields = { key: `${this.prefix}/${String(name)}`, id, owner: this.owner }
    this.log.debug(fields, 'Releasing lock')
    try {
      const key = lockKey(this.prefix, name)
      fields.key = key.path
      if (this.dryRun) return this.log.info(fields, SKIPPED)
      const engine = await this.open()
      const released = await release(engine, key, id)
      if (released) this.log.info(fields, 'Released lock')
      else this.log.warn(fields, 'Lock not found. Unable to release it. Was expired?')
    } catch (error) {
      this.log.error({ ...fields, err: error }, 'Failed to release lock')
    }
  }

  /**
   * Lets a holding last `ttl` seconds from now.
   * @throws InvalidLockError for a bad ttl, LockError when nobody holds under this id (any more) or etcd fails.
   */
  async extend(name: string, id: string, ttl: number): Promise<void> {
    const key = lockKey(this.prefix, name)
    new ConcurrentLock({ concurrency: 0, owner: this.owner, ttl })
    if (this.dryRun) return this.log.info({ key: key.path, id, owner: this.owner }, SKIPPED)
    await extend(await this.open(), key, id, ttl)
    this.log.info({ key: key.path, id, owner: this.owner, ttl }, 'Extended lock')
  }

  /** Holders and waiters of one lock. @throws InvalidLockError, LockUnreadableError, LockError */
  async inspect(name: string): Promise<LockState> {
    const key = lockKey(this.prefix, name)
    const engine = await this.open()
    return reading(engine, key.path, async () => stateOf(await engine.read(key), engine.clock.now()))
  }

  /** All locks under the prefix that somebody holds or waits for, by name. @throws LockError */
  async list(): Promise<LockState[]> {
    const engine = await this.open()
    return listStates(engine, this.prefix)
  }

  /** Ends the connection. What is held stays held. */
  async close(): Promise<void> {
    const engine = await this.engine?.catch(() => undefined)
    await engine?.close()
  }

  private open(): Promise<Engine> {
    this.engine ??= openEngine({ ...this.options, logger: this.log }).catch((error: unknown) => {
      this.engine = undefined
      throw error
    })
    return this.engine
  }

  private async pretend(engine: Engine, key: LockKey, lock: ConcurrentLock): Promise<void> {
    const snapshot = await reading(engine, key.path, () => engine.read(key))
    const now = engine.clock.now()
    const alive = new Set(snapshot.holders.keys())
    if (snapshot.tickets.size > 0) throw unavailable(snapshot, lock, now)
    if (!keyLocksOf(snapshot).fits(lock, { now, alive })) throw unavailable(snapshot, lock, now)
    this.log.info({ key: key.path, id: lock.uuid, owner: this.owner }, SKIPPED)
  }
}
