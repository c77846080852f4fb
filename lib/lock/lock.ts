import { type Logger, pino } from 'pino'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import { ALLOWED_PREFIXES } from '../model/constants.js'
import { LockError } from '../model/errors.js'
import type { KeyLocks } from '../model/key-locks.js'
import { shown } from '../model/shown.js'
import type { LockKey } from '../protocol/lock-key.js'
import type { LockEvent } from '../protocol/lock-event.js'
import { checkAllowedPrefix, checkPrefix, lockKey } from '../protocol/lock-name.js'
import { keyLocksOf, type Snapshot } from '../protocol/snapshot.js'
import { acquire } from './acquire.js'
import {
  type AcquiredOptions,
  type AcquireOptions,
  checkOwner,
  type HoldOptions,
  tenureOptionsOf,
  waitMsOf,
} from './acquire-options.js'
import { checkAcquireOptions, checkLockOptions } from './check-options.js'
import type { Engine } from './engine.js'
import { EventFeed, type EventFilter } from './event-feed.js'
import { checkTtl, extend } from './extend.js'
import { Faces } from './faces.js'
import { checkReason, forceRelease } from './force-release.js'
import type { HeldLock } from './held-lock.js'
import type { Holding } from './holdings.js'
import { LiveHeldLock } from './live-held-lock.js'
import { type LockState, stateOf, stateOrProblem } from './lock-state.js'
import { listStates } from './list.js'
import type { LockOptions } from './lock-options.js'
import { openEngine } from './open-engine.js'
import { pretend } from './pretend.js'
import { PretendedLock } from './pretended-lock.js'
import { reading } from './reading.js'
import { checkReentry, runHolding } from './reentry.js'
import { release } from './release.js'

/** How long a handle tries to release; after that the lock ends with its ttl. */
const RELEASE_MS = 5_000
const SKIPPED = 'Skipping lock acquire/release in DRY-RUN mode'

/** The locks under one prefix, for one owner. */
export class Lock extends Faces implements AsyncDisposable {
  readonly prefix: string
  readonly owner: string
  readonly dryRun: boolean
  private readonly log: Logger
  private engine: Promise<Engine> | undefined

  /** @throws LockError for a prefix that is not allowed, InvalidLockError for a bad owner or option. */
  constructor(private readonly options: LockOptions) {
    super()
    checkLockOptions(options)
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
    const { uuid } = await this.take(key, options)
    return uuid
  }

  /**
   * Runs `fn` while holding the lock, which is released however `fn` ends. Rejects as {@link acquire} and `fn` do, and
   * with a LockLostError when the lock was lost while `fn` ran; `held.signal` tells `fn` of that in time.
   */
  async acquired<T>(
    name: string,
    options: AcquiredOptions,
    fn: (held: HeldLock) => Promise<T> | T,
  ): Promise<T> {
    const held = await this.hold(name, options)
    const { concurrency, onLost = 'throw' } = options
    const isHeld = (): boolean => held.remaining() > 0
    try {
      const result = await runHolding({ key: held.key, concurrency, isHeld }, () => fn(held))
      // Looks at the clocks: the timer that aborts the signal may not have had a chance to run.
      held.remaining()
      if (onLost === 'throw') held.signal.throwIfAborted()
      return result
    } finally {
      await held.release()
    }
  }

  /** Like {@link acquire}, with a handle, for `await using held = await lock.hold(…)`. */
  async hold(name: string, options: HoldOptions): Promise<HeldLock> {
    const key = lockKey(this.prefix, name)
    checkAcquireOptions(options)
    const tenure = tenureOptionsOf(options)
    const taken = await this.take(key, options)
    const letGo = (): Promise<void> => this.letGo(name, taken.uuid, { budgetMs: RELEASE_MS })
    if (!taken.holding) return new PretendedLock(name, key.path, this.owner, taken.uuid, letGo)
    return new LiveHeldLock(await this.open(), taken.holding, tenure, letGo)
  }

  /**
   * Releases by id, from any process. Best effort: what fails is logged, and the lock ends with its ttl
   * anyway. Never rejects.
   */
  release(name: string, id: string): Promise<void> {
    return this.letGo(name, id)
  }

  /**
   * Lets a holding last `ttl` seconds from now.
   * @throws InvalidLockError for a bad ttl, LockError when nobody holds under this id (any more) or etcd fails.
   */
  async extend(name: string, id: string, ttl: number): Promise<void> {
    const key = lockKey(this.prefix, name)
    checkTtl(ttl)
    if (this.dryRun) return this.log.info({ key: key.path, id, owner: this.owner }, SKIPPED)
    await extend(await this.open(), key, id, ttl)
    this.log.info({ key: key.path, id, owner: this.owner, ttl }, 'Extended lock')
  }

  /**
   * Takes a holding, or a place in the queue, from whoever has it. The holder's handle says so, with the reason.
   * @param options.reason for people; seen in the log, by the holder and in `events`.
   * @throws InvalidLockError for a bad name or reason, LockError when nobody holds or waits under this id (any more),
   * EtcdLockUnavailableError, LockUnreadableError.
   */
  async forceRelease(name: string, id: string, { reason }: { readonly reason: string }): Promise<void> {
    const key = lockKey(this.prefix, name)
    checkReason(reason)
    const fields = { key: key.path, id, owner: this.owner, reason }
    if (this.dryRun) return this.log.info(fields, SKIPPED)
    if (!(await forceRelease(await this.open(), key, id, { by: this.owner, reason }))) {
      throw new LockError(`Nobody holds or waits for ${key.path} under the id ${id} (any more).`, {
        key: key.path,
      })
    }
    this.log.warn(fields, 'Released lock by force')
  }

  /**
   * What happens from now on to the locks under the prefix, or to one of them, in its order, until the loop is left.
   * Nothing is lost or told twice when the connection is cut; when etcd has compacted what happened meanwhile, it is
   * told by what has come of it. Entries written by hand are not told of.
   * @throws InvalidLockError for a bad name; LockError when etcd refuses or the lock is closed, and the reason of an
   * aborted `signal`, from the loop.
   */
  events(name?: string, { signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<LockEvent, void> {
    if (name !== undefined) lockKey(this.prefix, name)
    return this.follow(
      event => event.prefix === this.prefix && (name === undefined || event.name === name),
      signal,
    )
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
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

  private async *follow(filter: EventFilter, signal?: AbortSignal): AsyncGenerator<LockEvent, void> {
    yield* new EventFeed(await this.open(), filter).events(signal)
  }

  /** Takes the lock; without a holding in dry-run. */
  private async take(
    key: LockKey,
    options: AcquireOptions,
  ): Promise<{ readonly uuid: string; readonly holding?: Holding }> {
    checkAcquireOptions(options)
    const { concurrency, ttl, signal, onWait, allowReentry } = options
    const lock = new ConcurrentLock({ concurrency, ttl, owner: this.owner })
    const waitMs = waitMsOf(options)
    if (waitMs > 0 && !allowReentry) checkReentry(key.path, concurrency)
    const { uuid } = lock
    const fields = { key: key.path, id: uuid, owner: this.owner, concurrency, ttl }
    this.log.debug(fields, 'Acquiring lock')
    const engine = await this.open()
    if (this.dryRun) {
      await pretend(engine, key, lock)
      this.log.info({ key: key.path, id: uuid, owner: this.owner }, SKIPPED)
      this.log.info(fields, 'Acquired lock')
      return { uuid }
    }
    const report = (snapshot: Snapshot, place: number): void => {
      const status = { ...stateOrProblem(snapshot, engine.clock.now()), place }
      // Its type allows an async function, too: what it throws or rejects with must not end the process.
      const told = new Promise(resolve => resolve(onWait?.(status)))
      told.catch((err: unknown) => this.log.error({ ...fields, err }, 'onWait has thrown'))
    }
    const terms = { uuid, owner: this.owner, concurrency, ttl }
    const holding = await acquire(engine, key, terms, { waitMs, signal, onWait: onWait && report })
    this.log.info(fields, 'Acquired lock')
    return { uuid, holding }
  }

  private async letGo(name: string, id: string, options: { readonly budgetMs?: number } = {}): Promise<void> {
    const fields = { key: shown(name), id, owner: this.owner }
    try {
      const key = lockKey(this.prefix, name)
      fields.key = key.path
      this.log.debug(fields, 'Releasing lock')
      if (this.dryRun) return this.log.info(fields, SKIPPED)
      const engine = await this.open()
      const released = await release(engine, key, id, options)
      if (released) this.log.info(fields, 'Released lock')
      else this.log.warn(fields, 'Lock not found. Unable to release it. Was expired?')
    } catch (error) {
      this.log.error({ ...fields, err: error }, 'Failed to release lock')
    }
  }
}
