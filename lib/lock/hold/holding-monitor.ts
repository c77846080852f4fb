import type { KeyValue, LeaseId } from '../../kv/key-value.js'
import { LockLostError, type LossReason } from '../../model/errors.js'
import type { Alarmed } from '../../time/alarms.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import type { Lease } from '../leases/lease.js'
import type { LeaseKeeper, LeaseUser } from '../leases/lease-keeper.js'
import type { MonitorOptions } from '../options/acquire-options.js'
import { type HolderKeyListener, HolderKeyWatcher } from './holder-key-watcher.js'
import {
  begin,
  type LossCause,
  type MonitorEffect,
  type MonitorEvent,
  type MonitorState,
  next,
} from './monitor-state.js'

/** What is held for less than this is neither watched nor renewed: that would cost more than the holding. */
const WATCH_AFTER_MS = 100
/** How long etcd may take to say why a lease or a holder key is gone, before the loss is told without a reason. */
const ANSWER_MS = 1_000
/** Lateness of timers that is worth mentioning. */
const LAG_MS = 200

/** Must not throw. */
export interface MonitorListener {
  /** Once, before anybody else can hold. */
  onLost(error: LockLostError): void
  /** Whenever the deadline comes near. */
  onExpiring(): void
}

/**
 * Looks after one holding from its grant to its end: renews its lease, and notices its loss before anybody else can hold. {@link next}
 * decides; this class owns the alarm, the watch and the lease keeper, and carries the effects out.
 */
export class HoldingMonitor implements Alarmed, HolderKeyListener, LeaseUser {
  /** When the alarm was due, monotonic: its lateness tells of a pause. */
  alarmAt = 0
  alarmPlace = -1
  private state: MonitorState
  /** When to watch and to renew at the latest, monotonic; whole as {@link alarmAt} is. */
  private readonly watchAt: number
  private readonly watcher: HolderKeyWatcher
  private keeper: LeaseKeeper | undefined
  /** Another lock of the same handle is lost. */
  private isWindingUp = false

  constructor(
    private readonly engine: Engine,
    readonly holding: Holding,
    private readonly options: MonitorOptions,
    private readonly listener: MonitorListener,
  ) {
    this.watchAt = Math.ceil(engine.clock.monotonic()) + WATCH_AFTER_MS
    engine.monitors.add(this)
    this.watcher = new HolderKeyWatcher(engine, holding, this)
    const { state, effects } = begin(holding.lease, holding.token)
    this.state = state
    for (const effect of effects) this.perform(effect)
  }

  /** Milliseconds for which it is held for certain, by the clocks and not by any timer. */
  get remaining(): number {
    return this.state.kind === 'gone' ? 0 : this.untilDeadline
  }

  /** Whether the holder was told that the deadline is near. */
  get isExpiring(): boolean {
    return this.state.kind === 'expiring'
  }

  /** Checks the deadline, and reports the loss if it has passed. */
  check(): void {
    if (this.remaining === 0) this.dispatch({ type: this.untilDeadline === 0 ? 'ran-out' : 'asked' })
  }

  onAlarm(): void {
    const { remaining, options } = this
    if (this.untilDeadline === 0) this.dispatch({ type: 'ran-out' })
    // The process was paused, or the machine slept: the answer that it waits for had no time to come.
    else if (this.state.kind === 'doubted' && this.lateness > LAG_MS) this.arm(Math.min(ANSWER_MS, remaining))
    else this.dispatch({ type: 'tick', isNear: remaining <= options.expiringMs })
  }

  onSeen(kv: KeyValue | undefined): void {
    this.dispatch({ type: 'seen', kv })
  }

  onLeaseLost(lease: Lease): void {
    this.dispatch({ type: 'lease-ended', lease, isPastDeadline: lease.remaining <= 0 })
  }

  /** An extension to this lease is about to be sent. */
  mayMoveTo(lease: Lease): void {
    this.dispatch({ type: 'moving', lease })
  }

  /** The holding is not on this lease, and never will be. */
  willNotMoveTo(lease: Lease): void {
    this.dispatch({ type: 'not-moving', lease })
  }

  /** The holding got another lease at this revision. */
  moveTo(lease: Lease, revision: bigint): void {
    this.dispatch({ type: 'moved', lease, revision })
  }

  /** Another lock of the same handle is lost: renews this lease once more, so that work can be wound up, and then never. */
  stopRenewing(): void {
    if (this.state.kind === 'over' || !this.options.keepAlive || this.isWindingUp) return
    this.isWindingUp = true
    this.keeper?.stop()
    this.engine.pool.renew(this.state.lease).catch(() => {})
  }

  /** Reports the loss, unless that was done before. */
  lose(reason: LossReason, detail: string, currentToken?: bigint): void {
    this.dispatch({ type: 'lost', cause: { kind: 'found', reason, detail, currentToken } })
  }

  /** The Lock was closed. */
  close(): void {
    this.lose('closed', 'its Lock was closed')
  }

  /** The holder releases it: no listener is called. */
  end(): void {
    this.dispatch({ type: 'ended' })
  }

  private get untilDeadline(): number {
    const { state } = this
    if (state.kind === 'over') return 0
    return Math.max(0, Math.min(...[state.lease, ...state.pending].map(lease => lease.remaining)))
  }

  /** Milliseconds by which its alarm is late. */
  private get lateness(): number {
    return this.engine.clock.monotonic() - this.alarmAt
  }

  private dispatch(event: MonitorEvent): void {
    const { state, effects } = next(this.state, event)
    this.state = state
    for (const effect of effects) this.perform(effect)
  }

  private perform(effect: MonitorEffect): void {
    switch (effect.type) {
      case 'schedule':
        return this.schedule()
      case 'watch':
        this.watcher.open()
        return this.keepAlive()
      case 'tell-expiring':
        return this.listener.onExpiring()
      case 'follow':
        return this.follow(effect.lease)
      case 'locate':
        return void this.locate(effect.lease)
      case 'explain':
        return void this.explain(effect.lease)
      case 'adopt':
        return void this.adopt(effect.id, effect.revision)
      case 'lose':
        return this.tellLoss(effect.cause, effect.leases)
      case 'give-up':
        return this.giveUp(effect.pending)
    }
  }

  /** Does nothing while etcd is being asked: that question has its own timer. */
  private schedule(): void {
    const { remaining, options } = this
    if (this.state.kind === 'expiring' && remaining > options.expiringMs) this.dispatch({ type: 'recovered' })
    if (this.state.kind !== 'held' && this.state.kind !== 'expiring') return
    const untilNext = remaining - (this.state.kind === 'expiring' ? 0 : options.expiringMs)
    const untilWatch = this.watcher.isOpen ? Infinity : this.watchAt - this.engine.clock.monotonic()
    this.arm(Math.max(0, Math.min(untilWatch, untilNext)))
  }

  private arm(ms: number): void {
    this.engine.pool.alarms.set(this, ms)
  }

  private follow(lease: Lease): void {
    const { engine, holding } = this
    engine.holdings.move(holding.key, holding.uuid, lease)
    this.keeper?.stop()
    this.keeper = undefined
    if (this.watcher.isOpen || lease.untilRenewal <= WATCH_AFTER_MS) this.keepAlive()
  }

  /** Renews the lease that the holding is on until it is stopped. */
  private keepAlive(): void {
    const { state } = this
    if (!this.options.keepAlive || this.isWindingUp || this.keeper || state.kind === 'over') return
    this.keeper = this.engine.pool.keepAlive(state.lease, this)
  }

  private async locate(lease: Lease): Promise<void> {
    this.arm(Math.min(ANSWER_MS, this.remaining))
    const kv = await this.watcher.find().catch(() => undefined)
    this.dispatch({ type: 'located', lease, kv })
  }

  /** A holder key is deleted by a release, or by etcd when its lease ends: whether the lease lives tells them apart. */
  private async explain(lease: Lease): Promise<void> {
    this.arm(ANSWER_MS)
    const marker = await this.watcher.marker()
    const isAlive = marker !== undefined || (await this.engine.pool.renew(lease).catch(() => true))
    const ended = lease.remaining > 0 ? 'ended' : 'past-deadline'
    this.dispatch({ type: 'explained', marker, lease: isAlive ? 'alive' : ended })
  }

  /**
   * Without keepAlive the lease is read only, and not renewed: a process that extends the holding by its id assumes that it was
   * never renewed.
   */
  private async adopt(id: LeaseId, revision: bigint): Promise<void> {
    const { pool } = this.engine
    const learning = this.options.keepAlive ? pool.adopt(id) : pool.learn(id)
    const lease = await learning.catch((error: unknown) => this.watcher.lookAgain(error))
    if (lease) this.moveTo(lease, revision)
  }

  /** @param leases all leases that the holding may be on, the confirmed one first. */
  private tellLoss(cause: LossCause, leases: readonly [Lease, ...Lease[]]): void {
    const { engine, holding, listener } = this
    const { key, uuid, token } = holding
    const { reason, detail, currentToken } = this.lossOf(cause, leases[0])
    this.stop()
    // A holding that this process has released by its id is not known any more: its lease may serve another lock by now.
    const known = reason === 'closed' ? undefined : engine.holdings.takeLost(key, uuid)
    if (known) for (const each of new Set([...leases, known.lease])) engine.pool.discard(each)
    const message = `The lock ${key.path} (id ${uuid}) is lost: ${detail}.`
    listener.onLost(new LockLostError(message, { key: key.path, reason, fencingToken: token, currentToken }))
  }

  private lossOf(
    cause: LossCause,
    lease: Lease,
  ): { reason: LossReason; detail: string; currentToken?: bigint | undefined } {
    switch (cause.kind) {
      case 'expired':
        return this.expiry(lease)
      case 'lease-ended':
        return { reason: 'lease-lost', detail: 'etcd ended its lease' }
      case 'key-gone':
        return { reason: 'released-elsewhere', detail: 'its holder key is gone from etcd' }
      case 'released': {
        const { by, reason } = cause.marker ?? {}
        const detail = by === undefined ? 'somebody released it' : `${by} released it by force: ${reason}`
        return { reason: 'released-elsewhere', detail }
      }
      case 'found':
        return cause
    }
  }

  private expiry({ asked }: Lease): { reason: LossReason; detail: string } {
    const lag = Math.max(this.lateness, this.keeper?.lateness ?? 0)
    const ttl = `its ttl of ${asked} s is over`
    if (lag > LAG_MS) {
      const pause = `timers are ${(lag / 1000).toFixed(1)} s late: this process was paused, its event loop blocked, or the machine slept`
      return { reason: 'expired', detail: `${ttl}; ${pause}` }
    }
    if (!this.options.keepAlive) return { reason: 'expired', detail: ttl }
    return { reason: 'unreachable', detail: `${ttl}; etcd could not be reached to renew it` }
  }

  private giveUp(pending: readonly Lease[]): void {
    const { key, uuid } = this.holding
    if (pending.length > 0) this.engine.holdings.mayBeOn(key, uuid, pending)
    this.stop()
  }

  private stop(): void {
    this.engine.pool.alarms.cancel(this)
    this.keeper?.stop()
    this.watcher.close()
    this.engine.monitors.delete(this)
  }
}
