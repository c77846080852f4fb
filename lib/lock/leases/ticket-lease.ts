import type { LeaseId } from '../../kv/key-value.js'
import type { CallOptions } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'
import { atMost } from '../../time/at-most.js'
import type { Clock } from '../../time/clock.js'
import type { Lease } from './lease.js'
import type { LeaseKeeper } from './lease-keeper.js'
import type { LeasePool } from './lease-pool.js'

/**
 * How many attempts share a lease: so many renewals are saved, and so many tickets have to move when the outcome of one is not
 * known.
 */
const MOST_USERS = 128
/** How long one call waits until the others have left, milliseconds. */
const LEAVE_MS = 5_000

/** An attempt that has a ticket on the lease, or may get one. */
export type TicketUser = object

/**
 * The lease of the tickets of many attempts. A process that dies ends them all together, and one renewal serves them all.
 *
 * A put whose answer was lost is settled as everywhere: its lease is revoked, so that etcd refuses it however late it comes. The tickets
 * of the others must not end with it, so the lease is retired first: nobody joins it any more, and its users put their tickets on
 * another one, which keeps their places. It is revoked when they all have left. To delete the ticket by its key would not do:
 *
 *     a ticket is put, and no answer comes · nothing is there to delete · the attempt ends · etcd applies the put
 *
 * That ticket would block its queue for as long as the others keep the lease alive.
 */
export class TicketLease {
  isRetired = false
  /** Etcd has refused a put that names this lease among others: it may have ended. */
  isDoubted = false
  /** With what each is to be told when the lease is retired. */
  private readonly users = new Map<TicketUser, (() => void) | undefined>()
  private readonly emptied: Promise<void>
  private onEmptied!: () => void
  private keeper: LeaseKeeper | undefined
  private isRenewing = false
  private mustEnd = false

  constructor(
    private readonly pool: LeasePool,
    private readonly clock: Clock,
    private readonly lease: Lease,
    /** The last of its users has left, and the lease may serve others. */
    private readonly onUnused: (lease: Lease) => void,
  ) {
    this.emptied = new Promise(resolve => (this.onEmptied = resolve))
  }

  get id(): LeaseId {
    return this.lease.id
  }

  get isOpen(): boolean {
    const { isDoubted, isRetired, lease, users } = this
    return !isRetired && !isDoubted && users.size < MOST_USERS && !lease.isOver
  }

  private get isUnused(): boolean {
    return this.users.size === 0
  }

  join(user: TicketUser): void {
    this.users.set(user, undefined)
  }

  /** Renews until nobody uses it. `onRetired` is called once, when the user is to move its tickets. */
  keepAlive(user: TicketUser, onRetired: () => void): void {
    if (this.users.get(user)) return
    this.users.set(user, onRetired)
    if (this.isRetired) onRetired()
    else this.keeper ??= this.pool.keepAlive(this.lease, { onLeaseLost: () => this.retire() })
  }

  /** Renews in the background, if that is due. */
  renewDue(): void {
    if (!this.lease.isAging || this.isRenewing) return
    this.isRenewing = true
    void this.isAlive()
      .catch(() => {})
      .finally(() => (this.isRenewing = false))
  }

  /** Renews it, and retires it when it has ended. @throws StoreError */
  async isAlive(within?: CallOptions): Promise<boolean> {
    const isAlive = await this.pool.renew(this.lease, within)
    if (isAlive) this.isDoubted = false
    else this.retire()
    return isAlive
  }

  /** The user has no ticket on it, and nothing under way that may still put one. */
  leave(user: TicketUser): void {
    if (!this.users.delete(user) || this.users.size > 0) return
    this.keeper?.stop()
    this.keeper = undefined
    if (!this.isRetired) return this.onUnused(this.lease)
    if (this.mustEnd) this.pool.discard(this.lease)
    this.onEmptied()
  }

  /**
   * Ends it, and what the user has on it or may still get, as soon as the others have left.
   * @throws StoreError when that takes too long; it may be called again.
   */
  async revoke(user: TicketUser, within: CallOptions = {}): Promise<void> {
    this.retire()
    this.leave(user)
    await atMost(this.clock, Math.min(within.timeoutMs ?? LEAVE_MS, LEAVE_MS), [this.emptied])
    if (!this.isUnused)
      throw new StoreError('unreachable', 'other waiters could not leave the lease of a lost ticket')
    await this.pool.revoke(this.lease, within)
  }

  /** As {@link revoke}, in the background. */
  discard(user: TicketUser): void {
    this.retire()
    this.leave(user)
    if (this.isUnused) this.pool.discard(this.lease)
    else this.mustEnd = true
  }

  /** Nobody is going to join it any more. */
  close(): void {
    if (this.isUnused && !this.isRetired) this.onUnused(this.lease)
  }

  private retire(): void {
    if (this.isRetired) return
    this.isRetired = true
    for (const onRetired of [...this.users.values()]) onRetired?.()
  }
}
