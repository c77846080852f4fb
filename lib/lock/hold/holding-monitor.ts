import type { KeyValue } from '../../kv/key-value.js'
import { LockLostError, type LossReason } from '../../model/errors.js'
import type { Timer } from '../../time/clock.js'
import type { Engine } from '../engine/engine.js'
import { HolderKeyWatcher } from './holder-key-watcher.js'
import type { Holding } from '../engine/holdings.js'
import type { Lease } from '../leases/lease.js'
import type { LeaseKeeper } from '../leases/lease-keeper.js'
import type { MonitorOptions } from '../options/acquire-options.js'

/** What is held for less than this is not watched: the watch would cost more than the holding. */
const WATCH_AFTER_MS = 100
/** How long to ask etcd why the holder key is gone before the loss is told without a reason. */
const EXPLAIN_MS = 1_000
/** Lateness of timers that is worth mentioning. */
const LAG_MS = 200

/** Must not throw. */
export interface MonitorListener {
  onLost(error: LockLostError): void
  onExpiring(): void
}

/** One holding from its grant to its end: renews it, and says that it is lost before anybody else can hold. */
export class HoldingMonitor {
  private isOver = false
  /** The holder key is gone from etcd: nothing is held, though why is still being asked. */
  private isGone = false
  /** Of the last change of the holder key that is known: what watches tell may be older. */
  private revision = 0n
  /** The leases on one of which it may be: each of an extension that was sent, of which no answer has come. */
  private readonly pending = new Set<Lease>()
  /** Whether it was said that the deadline is near. */
  isExpiring = false
  private timer: Timer | undefined
  private due = 0
  private readonly sight: HolderKeyWatcher
  private keeper: LeaseKeeper | undefined

  constructor(
    private readonly engine: Engine,
    private holding: Holding,
    private readonly options: MonitorOptions,
    private readonly listener: MonitorListener,
  ) {
    engine.dependants.add(this)
    engine.wakings.add(this)
    this.sight = new HolderKeyWatcher(engine, holding, kv => this.onSeen(kv))
    this.moveTo(holding.lease, holding.token)
  }

  /** Milliseconds for which it lasts for certain, by the clocks and not by any timer. */
  get remaining(): number {
    if (this.isOver || this.isGone) return 0
    return Math.max(0, Math.min(...[this.holding.lease, ...this.pending].map(lease => lease.remaining)))
  }

  /** Looks at the clocks, and says that it is lost if it is. */
  check(): void {
    if (!this.isOver && this.remaining === 0) this.runOut()
  }

  wake(): void {
    this.check()
    this.keeper?.hurry()
    this.rearm()
  }

  /** The holding may get another lease, which may end sooner: until it is known, the first end counts. */
  mayMoveTo(lease: Lease): void {
    // Of no use any more: etcd refuses the move, or the holder key goes with the lease.
    if (this.isOver) return this.engine.pool.discard(lease)
    this.pending.add(lease)
    this.rearm()
  }

  willNotMoveTo(lease: Lease): void {
    this.pending.delete(lease)
    this.rearm()
  }

  /** The holding got another lease at this revision. */
  moveTo(lease: Lease, revision: bigint): void {
    if (this.pending.has(lease)) this.forgetUntil(lease)
    if (this.isOver || this.isGone || revision <= this.revision) return
    this.revision = revision
    this.holding = { ...this.holding, lease, ttl: lease.asked }
    this.engine.holdings.move(this.holding.key, this.holding.uuid, lease)
    this.keeper?.stop()
    if (this.options.keepAlive) this.keeper = this.engine.pool.keepAlive(lease, () => void this.onLeaseEnd())
    this.arm()
  }

  /** It is of no use any more: from now on it lasts for its ttl at most. */
  stopRenewing(): void {
    if (this.isOver || !this.keeper) return
    this.keeper.stop()
    this.engine.pool.renew(this.holding.lease).catch(() => {})
  }

  /** Says that it is lost, once. */
  lose(reason: LossReason, detail: string, currentToken?: bigint): void {
    if (this.isOver) return
    const { key, uuid, token, lease } = this.holding
    this.end()
    const loss = new LockLostError(`The lock ${key.path} (id ${uuid}) is lost: ${detail}.`, {
      key: key.path,
      reason,
      fencingToken: token,
      currentToken,
    })
    if (reason !== 'closed') {
      // It may stand for a moment longer, and is of no use to anybody; unless it was released by its id from here, and
      // its lease may serve others by now.
      const known = this.engine.holdings.take(key, uuid)
      if (known)
        for (const each of new Set([lease, known.lease, ...this.pending])) this.engine.pool.discard(each)
    }
    this.listener.onLost(loss)
  }

  close(): void {
    this.lose('closed', 'its Lock was closed')
  }

  /** Stops looking after it. */
  end(): void {
    this.isOver = true
    this.timer?.cancel()
    this.keeper?.stop()
    this.sight.close()
    this.engine.dependants.delete(this)
    this.engine.wakings.delete(this)
  }

  private rearm(): void {
    if (!this.isOver && !this.isGone) this.arm()
  }

  private arm(): void {
    this.timer?.cancel()
    if (this.isOver) return
    if (this.remaining > this.options.expiringMs) this.isExpiring = false
    const untilNext = this.remaining - (this.isExpiring ? 0 : this.options.expiringMs)
    const ms = Math.max(0, Math.min(this.sight.isOpen ? untilNext : WATCH_AFTER_MS, untilNext))
    this.due = this.engine.clock.monotonic() + ms
    this.timer = this.engine.clock.timer(Math.ceil(ms), () => this.tick())
  }

  private tick(): void {
    if (this.remaining === 0) return this.runOut()
    if (!this.sight.isOpen) this.sight.open()
    const isNear = this.remaining <= this.options.expiringMs
    if (isNear && !this.isExpiring) this.listener.onExpiring()
    this.isExpiring = isNear
    this.arm()
  }

  private runOut(): void {
    if (this.isGone) this.lose('released-elsewhere', 'its holder key is gone from etcd')
    else this.expire()
  }

  private expire(): void {
    const ownLag = this.engine.clock.monotonic() - this.due
    const lag = Math.max(ownLag, this.keeper?.lateness ?? 0)
    const pause = `timers are ${(lag / 1000).toFixed(1)} s late: this process was paused, its event loop blocked, or the machine slept`
    const cause = lag > LAG_MS ? `; ${pause}` : ''
    const ttl = `its ttl of ${this.holding.lease.asked} s is over`
    if (!this.keeper || lag > LAG_MS) this.lose('expired', ttl + cause)
    else this.lose('unreachable', `${ttl}; etcd could not be reached to renew it`)
  }

  /** Whoever extends it by its id ends the lease that it leaves: it is asked whether it is on another. */
  private async onLeaseEnd(): Promise<void> {
    const { lease } = this.holding
    if (lease.remaining <= 0) return this.expire()
    this.timer?.cancel()
    this.timer = this.engine.clock.timer(EXPLAIN_MS, () => this.onLeaseLost())
    const kv = await this.sight.find().catch(() => undefined)
    if (this.isOver || this.isGone || this.holding.lease !== lease) return
    if (kv && kv.lease !== lease.id) await this.adopt(kv)
    else this.onLeaseLost()
  }

  private onLeaseLost(): void {
    if (this.holding.lease.remaining <= 0) this.expire()
    else this.lose('lease-lost', 'etcd ended its lease')
  }

  private onSeen(kv: KeyValue | undefined): void {
    if (this.isOver || this.isGone) return
    if (!kv) void this.onGone()
    else if (kv.modRevision > this.revision) void this.adopt(kv)
  }

  /** Released by somebody, or with its lease, which tells. */
  private async onGone(): Promise<void> {
    this.isGone = true
    this.timer?.cancel()
    this.timer = this.engine.clock.timer(EXPLAIN_MS, () => this.runOut())
    const force = await this.sight.force()
    if (force) return this.lose('released-elsewhere', `${force.by} released it by force: ${force.reason}`)
    const isAlive = await this.engine.pool.renew(this.holding.lease).catch(() => true)
    if (isAlive) this.lose('released-elsewhere', 'somebody released it')
    else this.onLeaseLost()
  }

  /** It was extended: by its id elsewhere, or by an extension of our own whose answer was lost. */
  private async adopt({ lease: id, modRevision }: KeyValue): Promise<void> {
    if (id === undefined || id === this.holding.lease.id) return
    try {
      const { pool } = this.engine
      const own = [...this.pending].find(each => each.id === id)
      // A renewal would promise more than whoever extends it next may know of.
      const lease = own ?? (await (this.options.keepAlive ? pool.adopt(id) : pool.learn(id)))
      if (lease) this.moveTo(lease, modRevision)
    } catch (error) {
      this.sight.lookAgain(error)
    }
  }

  /** It is on this lease: what was sent before has been overtaken, and can never be applied. */
  private forgetUntil(lease: Lease): void {
    for (const each of this.pending) {
      this.pending.delete(each)
      if (each === lease) return
    }
  }
}
