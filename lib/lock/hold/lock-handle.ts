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

/** Holdings in etcd under one id, each with a monitor. The loss of one is the loss of all. */
abstract class MonitoredHandle extends HandleBase implements MonitorListener {
  readonly dryRun = false
  private readonly monitors: readonly HoldingMonitor[]
  private extending: Promise<void> | undefined

  constructor(
    private readonly engine: Engine,
    private readonly holdings: readonly Holding[],
    options: readonly MonitorOptions[],
    private readonly releaseQuietly: ReleaseQuietly,
  ) {
    const [{ key, uuid: id, owner, token: fencingToken }] = holdings as readonly [Holding]
    // No copy of the path of a single one: what is held is many.
    const path = holdings.length === 1 ? key.path : holdings.map(({ key }) => key).join(', ')
    super({ id, owner, fencingToken, path, clock: engine.clock, log: engine.log })
    this.monitors = holdings.map((holding, at) => new HoldingMonitor(engine, holding, options[at]!, this))
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
      const isOver = loss && !this.leavesEntries(loss)
      this.released = isOver ? Promise.resolve(loss.reason !== 'closed') : this.releaseNow()
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
    // What is held stays held when the Lock is closed, for the ttl that it has got.
    if (loss?.reason === 'closed') throw loss
    if (loss || this.released) {
      // The extension was applied after the loss, or after the release had found nothing: nobody would release what it has got.
      for (const lease of leases) this.engine.pool.discard(lease)
      throw loss ?? this.notHeld()
    }
    this.monitors.forEach((monitor, at) => monitor.moveTo(leases[at]!, revision))
  }

  /** Undefined when etcd has nothing to extend. Ends early when the lock is lost, with the loss. */
  private async transfer(ttl: number): Promise<TransferResult<void> | undefined> {
    const { engine, holdings, monitors, id, signal } = this
    const listener: TransferListener = {
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
    return this.releaseQuietly(
      this.holdings.map(({ key }) => key.name),
      this.id,
    )
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

  /** Whether a release has something to take out: the other holdings, or an entry whose time is not over. */
  private leavesEntries({ reason }: LockLostError): boolean {
    return reason === 'lease-lost' || (this.monitors.length > 1 && reason !== 'closed')
  }
}

/** The handle of one lock. */
export class LockHandle extends MonitoredHandle implements HeldLock {
  readonly name: string
  readonly key: string

  constructor(engine: Engine, holding: Holding, options: MonitorOptions, releaseQuietly: ReleaseQuietly) {
    super(engine, [holding], [options], releaseQuietly)
    this.name = holding.key.name
    this.key = holding.key.path
  }
}

/** The handle of several locks that were taken at once. */
export class LockSetHandle extends MonitoredHandle implements HeldLocks {
  readonly names: readonly string[]
  readonly keys: readonly string[]

  constructor(
    engine: Engine,
    holdings: readonly Holding[],
    options: readonly MonitorOptions[],
    releaseQuietly: ReleaseQuietly,
  ) {
    super(engine, holdings, options, releaseQuietly)
    this.names = holdings.map(({ key }) => key.name)
    this.keys = holdings.map(({ key }) => key.path)
  }
}
