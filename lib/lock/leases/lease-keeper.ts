import type { Clock, Timer } from '../../time/clock.js'
import type { Lease } from './lease.js'

/** How long after a renewal that failed to try again: a share of what is left, and milliseconds at least and at most. */
const RETRY_SHARE = 0.1
const RETRY_MS = { least: 20, most: 500 }

/** Renews one lease three times per ttl, more often while that fails, until it is stopped or the lease is over. */
export class LeaseKeeper {
  /** Milliseconds by which the last renewal left too late, because this process did not run. */
  lateness = 0
  private isRetrying = false
  private timer: Timer | undefined
  private stopped = false
  private isRenewing = false

  constructor(
    private readonly clock: Clock,
    private readonly lease: Lease,
    private readonly renew: () => Promise<boolean>,
    private readonly onLost: () => void,
  ) {
    this.schedule(lease.untilRenewal)
  }

  stop(): void {
    this.stopped = true
    this.timer?.cancel()
  }

  /** Renews now, if that is due by the clock. */
  hurry(): void {
    if (!this.isRenewing && !this.isRetrying) this.schedule(this.lease.untilRenewal)
  }

  private get untilRetry(): number {
    return Math.min(Math.max(this.lease.remaining * RETRY_SHARE, RETRY_MS.least), RETRY_MS.most)
  }

  private schedule(ms: number): void {
    if (this.stopped) return
    this.timer?.cancel()
    this.timer = this.clock.timer(Math.max(ms, 0), () => void this.tick())
  }

  private async tick(): Promise<void> {
    if (!this.isRetrying) this.lateness = Math.max(0, -this.lease.untilRenewal)
    this.isRenewing = true
    const isAlive = await this.renew().catch(() => undefined)
    this.isRenewing = false
    this.isRetrying = !isAlive
    if (isAlive) this.schedule(this.lease.untilRenewal)
    else if (isAlive === undefined && !this.lease.isOver) this.schedule(this.untilRetry)
    else if (!this.stopped) {
      this.stop()
      this.onLost()
    }
  }
}
