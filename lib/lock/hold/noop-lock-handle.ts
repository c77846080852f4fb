import { EventEmitter } from 'node:events'
import type { Logger } from 'pino'
import { LockError, LockLostError } from '../../model/errors.js'
import { printAs } from '../../model/printed.js'
import type { GuardedWrite } from '../../protocol/guard.js'
import { checkTtl } from '../options/check-arguments.js'
import { checkListener } from '../options/check-options.js'
import { checkGuardedWrite } from '../options/check-write.js'
import { type Clock, systemClock, type Timer } from '../../time/clock.js'
import { describeHeld } from './describe-held.js'
import type { GuardResult, Held, HeldLock, HeldLocks } from './held-lock.js'
import { RENEWALS_PER_TTL } from '../leases/lease.js'
import type { MonitorOptions } from '../options/acquire-options.js'

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
abstract class NoopHandleBase implements Held {
  readonly dryRun = true
  readonly fencingToken = 0n
  readonly owner: string
  readonly id: string
  private readonly controller = new AbortController()
  private readonly events = new EventEmitter<{ expiring: [] }>()
  private readonly clock: Clock
  private ttl: number
  /** Monotonic. */
  private since: number
  private timer: Timer | undefined
  private isExpiring = false
  private loss: LockLostError | undefined
  private released: Promise<boolean> | undefined

  static {
    printAs(this, 'Held', held => describeHeld(held, held.released !== undefined))
  }

  constructor(
    private readonly path: string,
    private readonly terms: NoopTerms,
  ) {
    this.owner = terms.owner
    this.id = terms.id
    this.ttl = terms.ttl
    this.clock = terms.clock ?? systemClock
    this.since = this.clock.monotonic()
    this.arm()
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  get deadline(): Date {
    return new Date(this.clock.now().toDate().getTime() + this.remainingMs)
  }

  remaining(): number {
    this.check()
    return this.remainingMs / 1000
  }

  on(event: 'expiring', listener: () => void): this {
    checkListener('on', event, listener)
    this.events.on(event, listener)
    return this
  }

  off(event: 'expiring', listener: () => void): this {
    checkListener('off', event, listener)
    this.events.off(event, listener)
    return this
  }

  assertHeld(): void {
    this.check()
    if (this.loss) throw this.loss
    if (this.released) throw this.lost(`The lock ${this.path} (id ${this.id}) is not held: it was released.`)
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  private get remainingMs(): number {
    if (this.loss || this.released) return 0
    const age = this.clock.monotonic() - this.since
    const ttl = this.ttl * 1000
    return Math.max(0, ttl - (this.terms.keepAlive ? age % (ttl / RENEWALS_PER_TTL) : age))
  }

  /** Looks at the clock, and says that it is lost if it is. */
  private check(): void {
    if (this.loss || this.released || this.remainingMs > 0) return
    const why = `its ttl of ${this.ttl} s is over`
    this.loss = this.lost(`The lock ${this.path} (id ${this.id}) is lost: ${why} (in dry-run).`, 'expired')
    this.controller.abort(this.loss)
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
    if (this.isExpiring && !wasExpiring && !this.loss) this.tell()
    this.arm()
  }

  private tell(): void {
    try {
      this.events.emit('expiring')
    } catch (err) {
      this.terms.log?.error({ key: this.path, id: this.id, err }, 'A listener to expiring has thrown')
    }
  }

  private lost(message: string, reason: LockLostError['reason'] = 'released'): LockLostError {
    return new LockLostError(message, { key: this.path, reason, fencingToken: this.fencingToken })
  }
}

export class NoopLockHandle extends NoopHandleBase implements HeldLock {
  constructor(
    readonly name: string,
    readonly key: string,
    terms: NoopTerms,
  ) {
    super(key, terms)
  }
}

export class NoopLockSetHandle extends NoopHandleBase implements HeldLocks {
  constructor(
    readonly names: readonly string[],
    readonly keys: readonly string[],
    terms: NoopTerms,
  ) {
    super(keys.join(', '), terms)
  }
}
