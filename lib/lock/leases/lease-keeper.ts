import type { Alarmed, Alarms } from '../../time/alarms.js'
import type { Lease } from './lease.js'

/** How long after a renewal that failed to try again: a share of what is left, and milliseconds at least and at most. */
const RETRY_SHARE = 0.1
const RETRY_MS = { least: 20, most: 500 }

/** What a keeper needs of the pool. */
export interface Renewer {
  readonly alarms: Alarms
  /** Resolves to false when the lease is gone. @throws StoreError */
  renew(lease: Lease): Promise<boolean>
}

/** Whoever relies on a lease that is renewed. */
export interface LeaseUser {
  /** It is over, or etcd says that it is gone. */
  onLeaseLost(lease: Lease): void
}

/** Renews one lease three times per ttl, more often while that fails, until it is stopped or the lease is over. */
export class LeaseKeeper implements Alarmed {
  /** Milliseconds by which the last renewal left too late, because this process did not run. */
  lateness = 0
  alarmAt = 0
  alarmPlace = -1
  private state: 'waiting' | 'renewing' | 'retrying' | 'stopped' = 'waiting'

  constructor(
    private readonly pool: Renewer,
    private readonly lease: Lease,
    private readonly user: LeaseUser,
  ) {
    this.schedule(lease.untilKept)
  }

  stop(): void {
    this.state = 'stopped'
    this.pool.alarms.cancel(this)
  }

  onAlarm(): void {
    void this.renew()
  }

  private get isStopped(): boolean {
    return this.state === 'stopped'
  }

  private get untilRetry(): number {
    return Math.min(Math.max(this.lease.remaining * RETRY_SHARE, RETRY_MS.least), RETRY_MS.most)
  }

  private schedule(ms: number): void {
    this.pool.alarms.set(this, Math.max(ms, 0))
  }

  private async renew(): Promise<void> {
    if (this.state === 'waiting') this.lateness = Math.round(Math.max(0, -this.lease.untilRenewal))
    this.state = 'renewing'
    const isAlive = await this.pool.renew(this.lease).catch(() => undefined)
    if (this.isStopped) return
    this.state = isAlive ? 'waiting' : 'retrying'
    if (isAlive) this.schedule(this.lease.untilKept)
    else if (isAlive === undefined && !this.lease.isOver) this.schedule(this.untilRetry)
    else {
      this.stop()
      this.user.onLeaseLost(this.lease)
    }
  }
}
