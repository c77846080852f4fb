import type { Logger } from 'pino'
import { LockError, LockLostError } from '../../model/errors.js'
import type { GuardedWrite } from '../../protocol/guard.js'
import { type Clock, systemClock, type Timer } from '../../time/clock.js'
import { RENEWALS_PER_TTL } from '../leases/lease.js'
import type { MonitorOptions } from '../options/acquire-options.js'
import { checkTtl } from '../options/check-arguments.js'
import { checkGuardedWrite } from '../options/check-write.js'
import { HandleBase } from './handle-base.js'
import type { GuardResult, HeldLock, HeldLocks } from './held-lock.js'

export interface NoopTerms extends MonitorOptions {
  readonly owner: string
  /** Empty where locking is disabled. */
  readonly id: string
  /** Seconds. */
  readonly ttl: number
  /** The system's when not given. */
  readonly clock?: Clock
  readonly log?: Logger
  readonly releaseQuietly?: () => Promise<boolean>
}

/**
 * The handle of what is not locked: in a dry run, and where locking is disabled. It behaves as a real one would by its
 * ttl, so that a script goes through the same motions: it is lost when that is over, unless it is extended or renewed.
 * Nothing is written. It keeps no process alive.
 */
abstract class NoopHandle extends HandleBase {
  readonly dryRun = true
  readonly id: string
  readonly owner: string
  readonly fencingToken = 0n
  protected readonly clock: Clock
  protected readonly log: Logger | undefined
  private ttl: number
  /** When it was taken or extended, monotonic. */
  private since: number
  private timer: Timer | undefined
  private isExpiring = false

  constructor(
    protected readonly path: string,
    private readonly terms: NoopTerms,
  ) {
    super()
    const { id, owner, ttl, clock = systemClock, log } = terms
    this.id = id
    this.owner = owner
    this.clock = clock
    this.log = log
    this.ttl = ttl
    this.since = clock.monotonic()
    this.arm()
  }

  async verify(): Promise<void> {
    await Promise.resolve()
    this.assertHeld()
  }

  async extend(ttl: number): Promise<void> {
    await Promise.resolve()
    this.assertHeld()
    checkTtl(ttl)
    this.ttl = ttl
    this.since = this.clock.monotonic()
    this.arm()
  }

  async guard(write: GuardedWrite): Promise<GuardResult> {
    await Promise.resolve()
    checkGuardedWrite(write)
    this.assertHeld()
    if (this.id === '') throw new LockError('Locking is disabled: there is no etcd to write to.')
    return { dryRun: true }
  }

  release(): Promise<boolean> {
    this.timer?.cancel()
    this.released ??= (this.terms.releaseQuietly ?? (() => Promise.resolve(true)))()
    return this.released
  }

  protected get remainingMs(): number {
    if (this.loss || this.released) return 0
    const age = this.clock.monotonic() - this.since
    const ttl = this.ttl * 1000
    return Math.max(0, ttl - (this.terms.keepAlive ? age % (ttl / RENEWALS_PER_TTL) : age))
  }

  protected check(): LockLostError | undefined {
    const { id, path, fencingToken } = this
    if (!this.loss && !this.released && this.remainingMs === 0) {
      const message = `The lock ${path} (id ${id}) is lost: its ttl of ${this.ttl} s is over (in dry-run).`
      this.lose(new LockLostError(message, { key: path, reason: 'expired', fencingToken }))
    }
    return this.loss
  }

  private arm(): void {
    this.timer?.cancel()
    if (this.terms.keepAlive || this.loss || this.released) return
    const { expiringMs } = this.terms
    if (this.remainingMs > expiringMs) this.isExpiring = false
    const ms = this.remainingMs - (this.isExpiring ? 0 : expiringMs)
    this.timer = this.clock.timer(Math.ceil(Math.max(0, ms)), () => this.tick()).unref()
  }

  private tick(): void {
    this.check()
    const wasExpiring = this.isExpiring
    this.isExpiring = this.remainingMs <= this.terms.expiringMs
    if (this.isExpiring && !wasExpiring && !this.loss) this.tellExpiring()
    this.arm()
  }
}

/** The handle of one lock that is not locked. */
export class NoopLockHandle extends NoopHandle implements HeldLock {
  constructor(
    readonly name: string,
    readonly key: string,
    terms: NoopTerms,
  ) {
    super(key, terms)
  }
}

/** The handle of several locks that are not locked. */
export class NoopLockSetHandle extends NoopHandle implements HeldLocks {
  constructor(
    readonly names: readonly string[],
    readonly keys: readonly string[],
    terms: NoopTerms,
  ) {
    super(keys.join(', '), terms)
  }
}
