import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'
import type { LeaseId } from '../../kv/key-value.js'
import type { CallOptions, Leases } from '../../store/store.js'
import { Alarms } from '../../time/alarms.js'
import { atMost } from '../../time/at-most.js'
import { Budget } from '../../time/budget.js'
import type { Clock } from '../../time/clock.js'
import { Lease, sentNow } from './lease.js'
import { LeaseKeeper, type LeaseUser, type Renewer } from './lease-keeper.js'
import { retry } from '../../store/retry.js'

/** After how many returned leases, at least, it is worth looking which of the idle ones have ended. */
const SWEEP_FROM = 256
/** How many revocations are under way in the background. */
const MOST_DISCARDS = 64
/** How long a revocation is repeated while etcd cannot be reached. */
const DISCARD_MS = 30_000
/** How long {@link LeasePool.close} waits for revocations, milliseconds: what they miss ends by itself. */
const CLOSE_MS = 1_000

/**
 * Leases without keys, kept for the next lock of the same ttl, so that a steady stream of locks needs no
 * grants and revokes; and the calls that grant, renew and revoke leases. An idle lease is not renewed: unused, it ends by itself.
 */
export class LeasePool implements Renewer {
  /** Of the renewals, and of the ends of leases. */
  readonly alarms: Alarms
  private readonly idle = new Map<number, Lease[]>()
  /** So many more are returned before the next sweep. */
  private untilSweep = SWEEP_FROM
  private hasToldOfLonger = false
  /** Those that are to be revoked, and the revocations under way. */
  private readonly condemned = new Set<LeaseId>()
  private readonly discards = new Set<Promise<void>>()
  private readonly closing = new AbortController()

  constructor(
    private readonly leases: Leases,
    private readonly clock: Clock,
    private readonly log?: Logger,
  ) {
    setMaxListeners(0, this.closing.signal)
    this.alarms = new Alarms(clock)
  }

  /** A lease of at least `ttl` seconds, which may need renewal ({@link Lease.isFresh}). @throws StoreError */
  async borrow(ttl: number, within?: CallOptions): Promise<Lease> {
    const idle = this.borrowIdle(ttl)
    if (idle) return idle
    const sent = sentNow(this.clock)
    const granted = await this.leases.grant(ttl, within)
    if (granted.ttl > ttl) this.tellOfLonger(ttl, granted.ttl)
    return new Lease(granted.id, ttl, granted.ttl, this.clock, sent)
  }

  /** As {@link borrow}, when there is one without asking etcd. */
  borrowIdle(ttl: number): Lease | undefined {
    const youngest = this.idle.get(ttl)?.pop()
    if (youngest && !youngest.isOver) return youngest
    this.idle.delete(ttl)
    return undefined
  }

  /** A lease that has its whole ttl before it. @throws StoreError */
  async takeFresh(ttl: number, within?: CallOptions): Promise<Lease> {
    for (;;) {
      const lease = await this.borrow(ttl, within)
      if (lease.isFresh) return lease
      const isAlive = await this.renew(lease, within).catch((error: unknown) => {
        this.return(lease)
        throw error
      })
      if (isAlive) return lease
    }
  }

  /** One lease of each `ttl`, all of them fresh, or none. @throws StoreError */
  async takeAllFresh(ttls: readonly number[], within?: CallOptions): Promise<Lease[]> {
    const leases: Lease[] = []
    try {
      for (const ttl of ttls) leases.push(await this.takeFresh(ttl, within))
      return leases
    } catch (error) {
      for (const lease of leases) this.return(lease)
      throw error
    }
  }

  /** A lease that another process was granted, with its whole ttl before it; undefined when it is gone. @throws StoreError */
  async adopt(id: LeaseId, within?: CallOptions): Promise<Lease | undefined> {
    const sent = sentNow(this.clock)
    const ttl = await this.leases.renew(id, within)
    return ttl > 0 ? new Lease(id, ttl, ttl, this.clock, sent) : undefined
  }

  /** A lease that another process was granted, with what is left of it; undefined when it is gone. @throws StoreError */
  async learn(id: LeaseId): Promise<Lease | undefined> {
    const sent = sentNow(this.clock)
    const found = await this.leases.remaining(id)
    if (!found) return undefined
    const { ttl, left } = found
    const age = ttl - left
    return new Lease(id, ttl, ttl, this.clock, {
      wall: sent.wall.plusSeconds(-age),
      monotonic: sent.monotonic - age * 1000,
    })
  }

  /** Takes back a lease that certainly has no key and no write under way. */
  return(lease: Lease): void {
    const idle = this.idle.get(lease.asked)
    if (idle) idle.push(lease)
    else this.idle.set(lease.asked, [lease])
    if (--this.untilSweep <= 0) this.sweep()
  }

  /** Resolves to false when the lease is gone. @throws StoreError */
  async renew(lease: Lease, { timeoutMs = Infinity }: CallOptions = {}): Promise<boolean> {
    const within = { timeoutMs: Math.min(timeoutMs, lease.renewalTimeout) }
    const sent = sentNow(this.clock)
    const ttl = await this.leases.renew(lease.id, within)
    if (ttl > 0) lease.renewed(sent)
    return ttl > 0
  }

  /** Renews a lease until stopped. */
  keepAlive(lease: Lease, user: LeaseUser): LeaseKeeper {
    return new LeaseKeeper(this, lease, user)
  }

  /** Ends a lease and whatever hangs on it: a write that is still under way with it will then fail. */
  async revoke(lease: Lease, within?: CallOptions): Promise<void> {
    await this.leases.revoke(lease.id, within)
  }

  /**
   * Revokes in the background, and does not give up at once: a write with the lease may have been delayed by the
   * same outage that befalls the revocation. If that fails, the lease ends by itself. Of thousands that come at once, a few are
   * revoked at a time.
   */
  discard({ id }: { readonly id: LeaseId }): void {
    this.condemned.add(id)
    this.discardNext()
  }

  /** Revokes the idle leases. Best effort: those it cannot reach end by themselves. */
  async close(): Promise<void> {
    this.closing.abort()
    for (const lease of [...this.idle.values()].flat()) this.discard(lease)
    this.idle.clear()
    await atMost(this.clock, CLOSE_MS, [this.discarded()])
    this.condemned.clear()
  }

  private discardNext(): void {
    for (const id of this.condemned) {
      if (this.discards.size >= MOST_DISCARDS) return
      this.condemned.delete(id)
      const { clock, closing } = this
      const budget = new Budget(clock, () => DISCARD_MS)
      const options = { key: { path: `lease ${id}` }, budget, signal: closing.signal, isBackground: true }
      const discard = retry(within => this.leases.revoke(id, within), options)
        .catch(() => {})
        .finally(() => {
          this.discards.delete(discard)
          this.discardNext()
        })
      this.discards.add(discard)
    }
  }

  private async discarded(): Promise<void> {
    while (this.discards.size > 0) await Promise.allSettled(this.discards)
  }

  /** Once: by its defaults etcd grants 2 s at least, and more to a cluster of long election timeouts. */
  private tellOfLonger(asked: number, granted: number): void {
    if (this.hasToldOfLonger) return
    this.hasToldOfLonger = true
    const text = `etcd grants no lease under ${granted} s: a lock with a shorter ttl lasts ${granted} s`
    this.log?.warn({ asked, granted }, text)
  }

  /** Forgets the leases that have ended. On average it looks at one for each that was returned. */
  private sweep(): void {
    this.untilSweep = SWEEP_FROM
    for (const [ttl, leases] of this.idle) {
      const left = leases.filter(lease => !lease.isOver)
      if (left.length > 0) this.idle.set(ttl, left)
      else this.idle.delete(ttl)
      this.untilSweep += left.length
    }
  }
}
