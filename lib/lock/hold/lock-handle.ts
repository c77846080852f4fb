import { EventEmitter } from 'node:events'
import type { TransactionResult } from '../../kv/transaction.js'
import { LockLostError } from '../../model/errors.js'
import { printAs, withJson } from '../../model/printed.js'
import {
  type Fallen,
  firstInvalid,
  type GuardedWrite,
  guarded,
  verification,
  withoutEntry,
} from '../../protocol/guard.js'
import { checkListener } from '../options/check-options.js'
import { HANDLE_MS } from '../../time/budget.js'
import { checkGuardedWrite } from '../options/check-write.js'
import { describeHeld } from './describe-held.js'
import type { Engine } from '../engine/engine.js'
import { extendOwn } from '../extend/extend.js'
import type { GuardResult, Held, HeldLock, HeldLocks } from './held-lock.js'
import type { Holding } from '../engine/holdings.js'
import type { Lease } from '../leases/lease.js'
import { translated } from '../../store/retry.js'
import { HoldingMonitor } from './holding-monitor.js'
import type { MonitorOptions } from '../options/acquire-options.js'

/** Holdings in etcd under one id, in the hands of a caller. */
abstract class LockHandleBase implements Held {
  readonly dryRun = false
  readonly id: string
  readonly owner: string
  readonly fencingToken: bigint
  private readonly path: string
  private readonly controller = new AbortController()
  private readonly events = new EventEmitter<{ expiring: [] }>()
  private readonly monitors: readonly HoldingMonitor[]
  private loss: LockLostError | undefined
  private extending: Promise<void> = Promise.resolve()
  private released: Promise<boolean> | undefined

  static {
    printAs(this, 'Held', held => describeHeld(held, held.released !== undefined))
  }

  constructor(
    private readonly engine: Engine,
    private readonly holdings: readonly Holding[],
    options: readonly MonitorOptions[],
    private readonly releaseQuietly: () => Promise<boolean>,
  ) {
    const [first] = holdings as readonly [Holding]
    this.id = first.uuid
    this.owner = first.owner
    this.fencingToken = first.token
    this.path = holdings.map(({ key }) => key).join(', ')
    const listener = {
      onLost: (error: LockLostError) => this.onLost(error),
      onExpiring: () => this.onExpiring(),
    }
    this.monitors = holdings.map((holding, at) => new HoldingMonitor(engine, holding, options[at]!, listener))
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  get deadline(): Date {
    return new Date(this.engine.clock.now().toDate().getTime() + this.remainingMs)
  }

  remaining(): number {
    this.lost()
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
    const loss = this.lost()
    if (loss) throw loss
    if (this.released) throw this.notHeld('it was released')
  }

  async verify(): Promise<void> {
    const result = await this.write(verification(this.holdings))
    const gone = withoutEntry(this.holdings, result)
    if (gone) throw this.fall(gone)
  }

  extend(ttl: number): Promise<void> {
    // One after the other: the last that was asked for is to count.
    const extending = this.extending.then(() => this.extendNow(ttl))
    this.extending = extending.catch(() => {})
    return extending
  }

  async guard(write: GuardedWrite): Promise<GuardResult> {
    checkGuardedWrite(write)
    return withJson({ ...(await this.write(write)), dryRun: false as const })
  }

  release(): Promise<boolean> {
    const loss = this.lost()
    this.released ??=
      loss && !this.leavesRest(loss) ? Promise.resolve(loss.reason !== 'closed') : this.leave()
    return this.released
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  private async write(write: GuardedWrite): Promise<TransactionResult> {
    this.assertHeld()
    const result = await this.engine
      .commit(guarded(this.holdings, write), { timeoutMs: HANDLE_MS })
      .catch((error: unknown) => {
        throw translated(error, this.path)
      })
    if (result.succeeded) return result
    const gone = firstInvalid(this.holdings, result)
    if (!gone) return { ...result, results: [] }
    throw this.fall(gone)
  }

  private async extendNow(ttl: number): Promise<void> {
    this.assertHeld()
    const { signal } = this
    const keys = this.holdings.map(({ key }) => key)
    const listener = {
      onMoving: (fresh: readonly Lease[]) =>
        this.monitors.forEach((monitor, at) => monitor.mayMoveTo(fresh[at]!)),
      onNotMoving: (unused: readonly Lease[]) =>
        this.monitors.forEach(monitor => unused.forEach(lease => monitor.willNotMoveTo(lease))),
    }
    const moved = await extendOwn(this.engine, keys, this.id, ttl, { listener, signal }).catch(
      (error: unknown) => {
        throw this.lost() ?? error
      },
    )
    const loss = this.lost()
    if (!moved) throw loss ?? (await this.whyNotHeld())
    const { leases, revision } = moved
    if (loss?.reason === 'closed') throw loss
    if (loss || this.released) {
      // It came too late, and nobody would renew or release what it has got.
      for (const lease of leases) this.engine.pool.discard(lease)
      throw loss ?? this.notHeld('it was released')
    }
    this.monitors.forEach((monitor, at) => monitor.moveTo(leases[at]!, revision))
  }

  /** Etcd has nothing to extend: the handle says no less. */
  private async whyNotHeld(): Promise<unknown> {
    if (this.released) return this.notHeld('it was released')
    try {
      await this.verify()
    } catch (error) {
      return error
    }
    return this.fall({ at: 0, what: 'entry', currentToken: undefined })
  }

  private fall({ at, what, currentToken }: Fallen): LockLostError {
    this.monitors[at]!.lose('released-elsewhere', `its ${what} is gone from etcd`, currentToken)
    return this.loss ?? this.notHeld('it was released', currentToken)
  }

  private get remainingMs(): number {
    return Math.min(...this.monitors.map(monitor => monitor.remaining))
  }

  private lost(): LockLostError | undefined {
    for (const monitor of this.monitors) monitor.check()
    return this.loss
  }

  private leave(): Promise<boolean> {
    for (const monitor of this.monitors) monitor.end()
    return this.releaseQuietly()
  }

  /** Others of its set may stand, or its entry, whose time is not over. */
  private leavesRest({ reason }: LockLostError): boolean {
    return reason === 'lease-lost' || (this.monitors.length > 1 && reason !== 'closed')
  }

  private onLost(error: LockLostError): void {
    if (this.loss) return
    this.loss = error
    for (const monitor of this.monitors) monitor.stopRenewing()
    this.controller.abort(error)
  }

  /** By its own handle. */
  private notHeld(detail: string, currentToken?: bigint): LockLostError {
    return new LockLostError(`The lock ${this.path} (id ${this.id}) is not held: ${detail}.`, {
      key: this.path,
      reason: 'released',
      fencingToken: this.fencingToken,
      currentToken,
    })
  }

  /** What a listener throws is its own business, and must not end the process from a timer. */
  private onExpiring(): void {
    // Of several holdings, the first that comes near its deadline tells for all.
    if (this.loss || this.monitors.filter(monitor => monitor.isExpiring).length > 1) return
    try {
      this.events.emit('expiring')
    } catch (err) {
      this.engine.log.error({ key: this.path, id: this.id, err }, 'A listener to expiring has thrown')
    }
  }
}

export class LockHandle extends LockHandleBase implements HeldLock {
  readonly name: string
  readonly key: string

  constructor(
    engine: Engine,
    holding: Holding,
    options: MonitorOptions,
    releaseQuietly: () => Promise<boolean>,
  ) {
    super(engine, [holding], [options], releaseQuietly)
    this.name = holding.key.name
    this.key = holding.key.path
  }
}

export class LockSetHandle extends LockHandleBase implements HeldLocks {
  readonly names: readonly string[]
  readonly keys: readonly string[]

  constructor(
    engine: Engine,
    holdings: readonly Holding[],
    options: readonly MonitorOptions[],
    releaseQuietly: () => Promise<boolean>,
  ) {
    super(engine, holdings, options, releaseQuietly)
    this.names = holdings.map(({ key }) => key.name)
    this.keys = holdings.map(({ key }) => key.path)
  }
}
