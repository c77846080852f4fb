import type { CallOptions } from '../../store/store.js'
import type { Clock } from '../../time/clock.js'
import type { LeasePool } from './lease-pool.js'
import { TicketLease, type TicketUser } from './ticket-lease.js'

/** Seconds that a dead waiter stands in the way of those behind it. */
const TICKET_TTL = 15

/** The leases that the tickets of this process share. */
export class TicketLeases {
  private current: TicketLease | undefined
  private opening: Promise<void> | undefined

  constructor(
    private readonly pool: LeasePool,
    private readonly clock: Clock,
  ) {}

  /** A lease that the user shares from now on, until it leaves it. It may need renewal. @throws StoreError */
  async join(user: TicketUser, within?: CallOptions): Promise<TicketLease> {
    for (;;) {
      const ready = this.joinIdle(user)
      if (ready) return ready
      this.opening ??= this.open(within).finally(() => (this.opening = undefined))
      await this.opening
    }
  }

  /** As {@link join}, when there is one without asking etcd. */
  joinIdle(user: TicketUser): TicketLease | undefined {
    const { current } = this
    if (!current?.isOpen) return undefined
    current.join(user)
    return current
  }

  /** Gives the lease that nobody uses back to the pool, which is closed next. */
  close(): void {
    const { current } = this
    this.current = undefined
    current?.close()
  }

  private async open(within?: CallOptions): Promise<void> {
    const { clock, current, pool } = this
    if (current?.isDoubted && !current.isRetired && (await current.isAlive(within))) return
    const lease = await pool.borrow(TICKET_TTL, within)
    const opened: TicketLease = new TicketLease(pool, clock, lease, unused => {
      if (this.current !== opened) pool.return(unused)
    })
    this.current = opened
  }
}
