import type { Logger } from 'pino'
import type { TransactionResult } from '../../kv/transaction.js'
import type { LockLostError } from '../../model/errors.js'
import { withJson } from '../../model/printed.js'
import {
  type InvalidHolding,
  firstInvalid,
  type GuardedWrite,
  guarded,
  verification,
  withoutEntry,
} from '../../protocol/guard.js'
import { translated } from '../../store/retry.js'
import { HANDLE_MS } from '../../time/budget.js'
import type { Clock } from '../../time/clock.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import { extendOwn } from '../extend/extend.js'
import type { TransferListener, TransferResult } from '../extend/lease-transfer.js'
import type { MonitorOptions } from '../options/acquire-options.js'
import { checkGuardedWrite } from '../options/check-write.js'
import { HandleBase } from './handle-base.js'
import type { GuardResult, HeldLock, HeldLocks } from './held-lock.js'
import { HoldingMonitor, type MonitorListener } from './holding-monitor.js'

/** Releases what is held of these names under an id. Resolves to whether etcd has confirmed it; must not reject. */
export type ReleaseQuietly = (names: readonly string[], id: string) => Promise<boolean>

/**
 * Holdings in etcd under one id, each with a monitor. The loss of one is the loss of all. It keeps little, since a process may hold many:
 * what is known of a holding its monitor has.
 */
abstract class MonitoredHandle extends HandleBase implements MonitorListener {
  protected abstract readonly monitors: readonly HoldingMonitor[]
  private extending: Promise<void> | undefined

  constructor(
    protected readonly engine: Engine,
    private readonly releaseQuietly: ReleaseQuietly,
  ) {
    super()
  }

  get dryRun(): false {
    return false
  }

  get id(): string {
    return this.first.uuid
  }

  get owner(): string {
    return this.first.owner
  }

  get fencingToken(): bigint {
    return this.first.token
  }

  async verify(): Promise<void> {
    const result = await this.write(verification(this.holdings))
    const gone = withoutEntry(this.holdings, result)
    if (gone) throw this.invalidate(gone)
  }

  /** Extensions are serialized; the last one wins. */
  extend(ttl: number): Promise<void> {
    const extending = (this.extending ?? Promise.resolve()).then(() => this.extendNow(ttl))
    this.extending = extending.catch(() => {})
    return extending
  }

  async guard(write: GuardedWrite): Promise<GuardResult> {
    checkGuardedWrite(write)
    return withJson({ ...(await this.write(write)), dryRun: false as const })
  }

  release(): Promise<boolean> {
    const loss = this.check()
    if (!this.released) {
      for (const monitor of this.monitors) monitor.end()
      const isSettled = loss && this.isSettled(loss)
      this.released = isSettled ? Promise.resolve(loss.reason !== 'closed') : this.releaseNow()
    }
    return this.released
  }

  /** For the monitors. */
  onLost(loss: LockLostError): void {
    if (this.loss) return
    for (const monitor of this.monitors) monitor.stopRenewing()
    this.lose(loss)
  }

  /** For the monitors: of several holdings, the first that comes near its deadline tells for all. */
  onExpiring(): void {
    if (!this.loss && this.monitors.filter(monitor => monitor.isExpiring).length === 1) this.tellExpiring()
  }

  protected get path(): string {
    return this.holdings.map(({ key }) => key).join(', ')
  }

  protected get clock(): Clock {
    return this.engine.clock
  }

  protected get log(): Logger {
    return this.engine.log
  }

  protected get holdings(): Holding[] {
    return this.monitors.map(({ holding }) => holding)
  }

  protected get first(): Holding {
    return this.monitors[0]!.holding
  }

  protected get remainingMs(): number {
    return Math.min(...this.monitors.map(monitor => monitor.remaining))
  }

  protected check(): LockLostError | undefined {
    for (const monitor of this.monitors) monitor.check()
    return this.loss
  }

  /** @throws LockLostError when a holding is gone from etcd, EtcdLockUnavailableError, LockError. */
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
    throw this.invalidate(gone)
  }

  private async extendNow(ttl: number): Promise<void> {
    this.assertHeld()
    const moved = await this.transfer(ttl)
    const loss = this.check()
    if (!moved) throw loss ?? (await this.whyNotHeld())
    const { leases, revision } = moved
    // Of a holding that is over no lease is revoked. It has been where the holding was lost, or released without an answer; what is closed stays
    // in etcd; and what was released may have left its lease to another lock:
    //
    //     the holding moves to L · a watch tells of it · it is released, on L · another lock is taken, on L · the move is answered
    this.monitors.forEach((monitor, at) => monitor.moveTo(leases[at]!, revision))
    this.assertHeld()
  }

  /** Undefined when etcd has nothing to extend. Ends early when the lock is lost, with the loss. */
  private async transfer(ttl: number): Promise<TransferResult<void> | undefined> {
    const { engine, holdings, monitors, id, signal } = this
    const listener: TransferListener = {
      // What is sent after the release or the loss is on a lease that neither has known, and would give up.
      assertHeld: () => this.assertHeld(),
      onMoving: fresh => monitors.forEach((monitor, at) => monitor.mayMoveTo(fresh[at]!)),
      onNotMoving: unused => {
        for (const monitor of monitors) for (const lease of unused) monitor.willNotMoveTo(lease)
      },
    }
    const keys = holdings.map(({ key }) => key)
    return extendOwn(engine, keys, id, ttl, { listener, signal }).catch((error: unknown) => {
      throw this.check() ?? error
    })
  }

  private releaseNow(): Promise<boolean> {
    const names = this.holdings.map(({ key }) => key.name)
    return this.releaseQuietly(names, this.id)
  }

  /** Why etcd has nothing to extend. Resolves to the loss. @throws what {@link verify} throws. */
  private async whyNotHeld(): Promise<LockLostError> {
    if (this.released) return this.notHeld()
    await this.verify()
    return this.invalidate({ at: 0, what: 'entry', currentToken: undefined })
  }

  private invalidate({ at, what, currentToken }: InvalidHolding): LockLostError {
    this.monitors[at]!.lose('released-elsewhere', `its ${what} is gone from etcd`, currentToken)
    return this.loss ?? this.notHeld(currentToken)
  }

  /**
   * Whether a release has nothing to take out, or must not. It may have an entry whose time is not over, the other holdings, and one that has run
   * out by our clocks, whose lease etcd may have renewed without our hearing of it.
   */
  private isSettled({ reason }: LockLostError): boolean {
    return reason === 'closed' || (reason === 'released-elsewhere' && this.monitors.length === 1)
  }
}

/** The handle of one lock. */
export class LockHandle extends MonitoredHandle implements HeldLock {
  private readonly monitor: HoldingMonitor

  constructor(engine: Engine, holding: Holding, options: MonitorOptions, releaseQuietly: ReleaseQuietly) {
    super(engine, releaseQuietly)
    this.monitor = new HoldingMonitor(engine, holding, options, this)
  }

  get name(): string {
    return this.first.key.name
  }

  get key(): string {
    return this.first.key.path
  }

  protected get monitors(): readonly [HoldingMonitor] {
    return [this.monitor]
  }
}

/** The handle of several locks that were taken at once. */
export class LockSetHandle extends MonitoredHandle implements HeldLocks {
  protected readonly monitors: readonly HoldingMonitor[]

  constructor(
    engine: Engine,
    holdings: readonly Holding[],
    options: readonly MonitorOptions[],
    releaseQuietly: ReleaseQuietly,
  ) {
    super(engine, releaseQuietly)
    this.monitors = holdings.map((holding, at) => new HoldingMonitor(engine, holding, options[at]!, this))
  }

  get names(): readonly string[] {
    return this.holdings.map(({ key }) => key.name)
  }

  get keys(): readonly string[] {
    return this.holdings.map(({ key }) => key.path)
  }
}
