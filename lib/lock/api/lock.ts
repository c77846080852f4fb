import { type Logger, pino } from 'pino'
import { checkConfig } from '../../config/etcd-options.js'
import { ALLOWED_PREFIXES } from '../../model/constants.js'
import { describeValue } from '../../model/describe-value.js'
import { EtcdLockUnavailableError, LockError, LockReadError } from '../../model/errors.js'
import { KeyLocks } from '../../model/key-locks.js'
import type { LockState } from '../../model/lock-state.js'
import { printAs } from '../../model/printed.js'
import type { LockEvent } from '../../protocol/lock-event.js'
import { checkAllowedPrefix, checkPrefix, lockKey } from '../../protocol/lock-name.js'
import { HANDLE_MS } from '../../time/budget.js'
import { checkReentry } from '../acquire/reentry.js'
import type { Holding } from '../engine/holdings.js'
import { type Host, systemHost } from '../engine/host.js'
import type { HeldLock, HeldLocks } from '../hold/held-lock.js'
import { type NoopTerms, NoopLockHandle, NoopLockSetHandle } from '../hold/noop-lock-handle.js'
import type { AcquireOptions, HoldAllOptions, HoldOptions, LockRequest } from '../options/acquire-options.js'
import { type AcquireRequest, type Asker, requestAll, requestOne } from '../options/acquire-request.js'
import { checkId, checkOwner, checkReason, checkTtl } from '../options/check-arguments.js'
import { checkLockOptions, checkOptionsOf } from '../options/check-options.js'
import type { LockOptions } from '../options/lock-options.js'
import type { LockTarget } from '../options/lock-target.js'
import { LockService } from './lock-service.js'
import { LockShortcuts } from './lock-shortcuts.js'

const SKIPPED = 'Skipping lock acquire/release in DRY-RUN mode'
const DRY_RUN_UNASKED =
  'A spicelock Lock is in dry-run mode, since it was made without dryRun: nothing is locked, and nobody is kept out. ' +
  'Pass dryRun: false to lock, or dryRun: true to be without this warning.'

let hasWarned = false

/**
 * The locks under one prefix, for one owner. It connects at the first call. Unless `dryRun` is false it writes nothing;
 * if `dryRun` is not given at all, the first call that would write emits a process warning (`SPICELOCK_DRY_RUN`).
 */
export class Lock extends LockShortcuts implements AsyncDisposable {
  readonly prefix: string
  readonly owner: string
  readonly dryRun: boolean
  private readonly prefixes: readonly string[]
  private readonly log: Logger
  private readonly asker: Asker
  private opening: Promise<LockService> | undefined
  /** What {@link open} has resolved to. */
  private service: LockService | undefined

  static {
    printAs(this, 'Lock', ({ prefix, owner, dryRun }) => ({ prefix, owner, dryRun }))
  }

  /** @throws InvalidLockError for a prefix that is not allowed, a bad owner or option, LockConfigError for a bad `config`. */
  constructor(options: LockOptions)
  /** @internal */
  constructor(options: LockOptions, host: Host)
  constructor(
    private readonly options: LockOptions,
    private readonly host: Host = systemHost,
  ) {
    super()
    checkLockOptions(options)
    const { config = {}, prefix, owner, dryRun = true, allowedPrefixes = [] } = options
    const { logger = pino({ level: 'silent' }) } = options
    allowedPrefixes.forEach(checkAllowedPrefix)
    this.prefixes = [...ALLOWED_PREFIXES, ...allowedPrefixes]
    checkPrefix(prefix, this.prefixes)
    checkOwner(owner)
    checkConfig(config, 'config')
    this.prefix = prefix
    this.owner = owner
    this.dryRun = dryRun
    this.log = logger
    this.asker = { prefix, owner, ...(!dryRun && { ids: host.ids }) }
  }

  /**
   * The holders of a lock, read linearizably; no entries when the lock does not exist.
   * @throws InvalidLockError for a bad name, LockUnreadableError, LockReadError when etcd cannot be reached, LockError.
   */
  async get(name: string): Promise<KeyLocks> {
    const key = lockKey(this.prefix, name)
    const locks = await this.open()
    try {
      return await locks.read(key.path, async reader => {
        const { keyLocks } = await reader.snapshot(key)
        return KeyLocks.fromJson(key.path, keyLocks?.value ?? '{}')
      })
    } catch (error) {
      if (!(error instanceof EtcdLockUnavailableError)) throw error
      throw new LockReadError(`Failed to get the key: ${error.message}`, { key: key.path, cause: error })
    }
  }

  /**
   * Waits in the queue until the lock is granted, and resolves to the id of the holding. The lock is held until
   * {@link release}, or for `ttl` seconds, even if this process exits. Waiters are granted in the order of arrival.
   * @throws InvalidLockError for a bad name or option; LockUnavailableError when `wait` is over (LockFullError when etcd can
   * store no more holders); LockDismissedError when the place in the queue is taken by force; LockReentryError when the
   * caller waits for itself; EtcdLockUnavailableError when etcd cannot be reached; LockUnreadableError; LockError when etcd
   * refuses; the reason of an aborted `signal`.
   */
  async acquire(name: string, options: AcquireOptions): Promise<string> {
    const request = requestOne('acquire', this.asker, name, options)
    await this.take(request, options)
    return request.id
  }

  /**
   * As {@link acquire}, and resolves to a handle that knows when the lock is lost, renews it with `keepAlive`, and releases
   * it: `await using held = await lock.hold(…)`. Throws as {@link acquire}.
   */
  async hold(name: string, options: HoldOptions): Promise<HeldLock> {
    const request = requestOne('hold', this.asker, name, options)
    const holdings = await this.take(request, options)
    const [{ key }] = request.targets as readonly [LockTarget]
    if (!holdings) return new NoopLockHandle(name, key.path, this.noopTerms(request, [name]))
    return (await this.open()).handle(holdings, request, this.releaseHeld)
  }

  /**
   * Waits until all these locks are available at once, and takes all of them in one transaction. Sets may overlap, with
   * their names in any order: two waiters never wait for each other.
   * @throws InvalidLockError for a bad name or option, a name that comes twice, and more than 32 locks (the most that
   * fit into one transaction of etcd); otherwise as {@link acquire}.
   */
  async acquireAll(requests: readonly LockRequest[], options: HoldAllOptions = {}): Promise<HeldLocks> {
    const request = requestAll(this.asker, requests, options)
    const names = request.targets.map(({ key }) => key.name)
    const keys = request.targets.map(({ key }) => key.path)
    const holdings = await this.take(request, options)
    if (!holdings) return new NoopLockSetHandle(names, keys, this.noopTerms(request, names))
    return (await this.open()).setHandle(holdings, request, this.releaseHeld)
  }

  /**
   * Releases a holding by its id, from any process, and grants the lock to the next waiters in the same transaction.
   * Never rejects: a failure is logged, and the lock ends with its ttl. Writes are retried for two minutes. A name or an id that
   * is none is logged, too: in a `finally` after an `acquire` that has failed there is no id, and an error about that would hide why.
   */
  release(name: string, id: string): Promise<void> {
    return this.releaseQuietly([name], id).then(() => {})
  }

  /**
   * Makes a holding last for at least `ttl` seconds from now, by its id, from any process. It never ends sooner than its
   * holder was promised: if `ttl` is shorter than its own ttl, its own counts from now. Only its handle can shorten it
   * ({@link HeldLock.extend}).
   * @throws InvalidLockError for a bad name, id or ttl; LockRenewedError when the holder renews the lock by itself and `ttl`
   * is longer than its own; LockError when the id does not hold (any more) or etcd refuses; EtcdLockUnavailableError.
   */
  async extend(name: string, id: string, ttl: number): Promise<void> {
    const key = lockKey(this.prefix, name)
    checkId(id)
    checkTtl(ttl)
    if (this.dryRun) return this.skip({ key: key.path, id, owner: this.owner })
    const extended = await (await this.open()).extend(key, id, ttl)
    if (extended === undefined) {
      throw new LockError(`Nobody holds ${key.path} under the id ${id} (any more).`, { key: key.path })
    }
    this.log.info({ key: key.path, id, owner: this.owner, ttl: extended }, 'Extended lock')
  }

  /**
   * Releases a holder, or dismisses a waiter, whoever it is. The holder's handle is lost and names the reason; a waiter
   * rejects with a {@link LockDismissedError} at once. Anything that the holder is doing goes on until it notices.
   * @param options.reason for people, 1 to 1024 bytes; it is logged, told to the holder, and told by `events`.
   * @throws InvalidLockError for a bad name, id or reason; LockError when the id neither holds nor waits (any more) or etcd
   * refuses; EtcdLockUnavailableError; LockUnreadableError.
   */
  async forceRelease(name: string, id: string, options: { readonly reason: string }): Promise<void> {
    const key = lockKey(this.prefix, name)
    checkId(id)
    checkOptionsOf('forceRelease', options)
    const { reason } = options
    checkReason(reason)
    const fields = { key: key.path, id, owner: this.owner, reason }
    if (this.dryRun) return this.skip(fields)
    const locks = await this.open()
    if (!(await locks.forceRelease(key, id, { by: this.owner, reason }))) {
      throw new LockError(`Nobody holds or waits for ${key.path} under the id ${id} (any more).`, {
        key: key.path,
      })
    }
    this.log.warn(fields, 'Released lock by force')
  }

  /**
   * Follows the locks under this Lock's prefix, or one of them, from now on and in their order, until the loop is left.
   * No event is lost or told twice when the connection breaks, or moves to another member of etcd. If etcd has
   * compacted its history meanwhile, the events are told by their outcome: present holders and waiters in their order,
   * and `ended` for those that are gone. Entries written by hand are not told.
   * @throws InvalidLockError for a bad name or option. From the loop: EtcdLockUnavailableError when etcd cannot be
   * reached at the start, LockError when etcd refuses or this Lock is closed, the reason of an aborted `signal`.
   */
  events(name?: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<LockEvent, void> {
    checkOptionsOf('events', options)
    if (name !== undefined) lockKey(this.prefix, name)
    return this.follow(name, options.signal)
  }

  /**
   * The holders and waiters of one lock, read linearizably. A lock that does not exist has none.
   * @throws InvalidLockError for a bad name, LockUnreadableError, EtcdLockUnavailableError, LockError.
   */
  async inspect(name: string): Promise<LockState> {
    const key = lockKey(this.prefix, name)
    return (await this.open()).inspect(key)
  }

  /**
   * All locks with a holder or a waiter, sorted by name, at one revision: under this Lock's prefix unless another is
   * given. A value that cannot be read is told as a `problem` of its lock.
   * @throws InvalidLockError for a prefix that is not allowed, EtcdLockUnavailableError, LockError.
   */
  async list(options: { readonly prefix?: string } = {}): Promise<LockState[]> {
    checkOptionsOf('list', options)
    const { prefix = this.prefix } = options
    checkPrefix(prefix, this.prefixes)
    return (await this.open()).list(prefix)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Ends the connection, in three seconds at most. Waits are given up with a LockError and handles are lost, but holdings
   * stay in etcd until they are released or their ttl is over. Never rejects.
   */
  async close(): Promise<void> {
    const locks = await this.opening?.catch(() => undefined)
    await locks?.close()
  }

  private open(): Promise<LockService> {
    const { log: logger, host } = this
    return (this.opening ??= LockService.open({ ...this.options, logger, host }).then(
      service => (this.service = service),
      (error: unknown) => {
        this.opening = undefined
        throw error
      },
    ))
  }

  private async *follow(name: string | undefined, signal?: AbortSignal): AsyncGenerator<LockEvent, void> {
    yield* (await this.open()).events([this.prefix], name, signal)
  }

  /** Takes all locks; in a dry run looks whether they could be taken, and resolves to undefined. */
  private async take(
    request: AcquireRequest,
    options: HoldAllOptions,
  ): Promise<readonly Holding[] | undefined> {
    let locks: LockService
    try {
      checkNotHeldByCaller(request, options)
      this.warnIfUnasked()
      locks = this.service ?? (await this.open())
    } catch (error) {
      for (const { key, terms } of request.targets) this.host.ids.free(key.path, terms.uuid)
      throw error
    }
    tell(this.log, 'debug', 'Acquiring lock', request)
    let holdings: readonly Holding[] | undefined
    if (this.dryRun) {
      await locks.checkAvailable(request)
      tell(this.log, 'info', SKIPPED, request)
    } else {
      holdings = await locks.acquireAll(request, options)
    }
    tell(this.log, 'info', 'Acquired lock', request)
    return holdings
  }

  private noopTerms({ id, targets, monitoring }: AcquireRequest, names: readonly string[]): NoopTerms {
    const { owner, log, host } = this
    const releaseQuietly = (): Promise<boolean> => this.releaseHeld(names, id)
    const ttls = targets.map(({ terms }) => terms.ttl)
    const ttl = Math.min(...ttls)
    return { ...monitoring[ttls.indexOf(ttl)]!, owner, id, ttl, log, clock: host.clock, releaseQuietly }
  }

  /** Logs a change that a dry run does not make. */
  private skip(fields: object): void {
    this.warnIfUnasked()
    this.log.info(fields, SKIPPED)
  }

  private warnIfUnasked(): void {
    if (this.options.dryRun !== undefined || hasWarned) return
    hasWarned = true
    process.emitWarning(DRY_RUN_UNASKED, { code: 'SPICELOCK_DRY_RUN' })
  }

  /** One for all handles: a function for each would keep what it was asked for. */
  private readonly releaseHeld = (names: readonly string[], id: string): Promise<boolean> =>
    this.releaseQuietly(names, id, HANDLE_MS)

  /** Resolves to whether nothing is held under the id any more, for certain. */
  private async releaseQuietly(names: readonly string[], id: string, budgetMs?: number): Promise<boolean> {
    const fields = { key: '', id, owner: this.owner }
    try {
      const keys = names.map(name => lockKey(this.prefix, name))
      checkId(id)
      fields.key = keys.join(', ')
      this.log.debug(fields, 'Releasing lock')
      if (this.dryRun) {
        this.skip(fields)
        return true
      }
      const patience = budgetMs === undefined ? {} : { withinMs: budgetMs }
      const locks = this.service ?? (await this.open())
      const released = await locks.release(keys, id, patience)
      if (released.length > 0) this.log.info(fields, 'Released lock')
      else this.log.warn(fields, 'Lock not found. Unable to release it. Was expired?')
      return true
    } catch (error) {
      const key = fields.key || names.map(describeValue).join(', ')
      this.log.error({ ...fields, key, err: error }, 'Failed to release lock')
      return false
    }
  }
}

/** @throws LockReentryError when the code that asks would wait for what it holds itself. */
function checkNotHeldByCaller({ targets, waitMs }: AcquireRequest, options: HoldAllOptions): void {
  if (waitMs === 0 || options.allowReentry) return
  for (const { key, terms } of targets) checkReentry(key.path, terms.concurrency)
}

function tell(log: Logger, level: 'debug' | 'info', text: string, { targets }: AcquireRequest): void {
  for (const { key, terms } of targets) {
    const { uuid: id, owner, concurrency, ttl } = terms
    log[level]({ key: key.path, id, owner, concurrency, ttl }, text)
  }
}
