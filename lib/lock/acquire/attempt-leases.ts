import type { LeaseId } from '../../kv/key-value.js'
import type { CallOptions } from '../../store/store.js'
import { isStoreError } from '../../store/store-error.js'
import type { Lease } from '../leases/lease.js'
import type { LeaseKeeper } from '../leases/lease-keeper.js'
import type { LeasePool } from '../leases/lease-pool.js'
import type { TicketLease } from '../leases/ticket-lease.js'
import type { TicketLeases } from '../leases/ticket-leases.js'
import type { LockTarget } from '../options/lock-target.js'
import type { Remains } from './attempt-state.js'

/**
 * The leases of one attempt: one for each holder key, so that each can be released or extended by itself; and one for all its
 * tickets, which it shares with other attempts.
 */
export class AttemptLeases {
  /** For each lock. Undefined while there is none. */
  readonly holders: (Lease | undefined)[]
  private ticketLease: TicketLease | undefined
  /** The lease to which the tickets move. */
  private nextTicketLease: TicketLease | undefined
  /** All leases that this attempt has borrowed, also those it gave up. A key on another lease was moved there by another process. */
  private taken: readonly LeaseId[] = []
  /** Undefined while it does not wait. */
  private keepers: Map<Lease, LeaseKeeper> | undefined

  constructor(
    private readonly pool: LeasePool,
    private readonly tickets: TicketLeases,
    private readonly targets: readonly LockTarget[],
    private readonly mayWait: boolean,
  ) {
    this.holders = targets.map(() => undefined)
  }

  /** The lease of the tickets. */
  get ticket(): LeaseId | undefined {
    return this.ticketLease?.id
  }

  /** Whether the tickets have to move to another lease. */
  get isTicketRetired(): boolean {
    return this.ticketLease?.isRetired === true
  }

  isOwn(lease: LeaseId): boolean {
    return this.taken.includes(lease)
  }

  /** Takes over the lease to which another process has moved our holding. Resolves to whether it is alive. @throws StoreError */
  async adopt(at: number, id: LeaseId, within?: CallOptions): Promise<boolean> {
    const lease = await this.pool.adopt(id, within)
    if (!lease) return false
    this.discardHolders(this.holders.slice(at, at + 1))
    this.holders[at] = lease
    return true
  }

  /** Whether none is missing. */
  get areComplete(): boolean {
    return !this.holders.includes(undefined) && (!this.mayWait || this.ticketLease !== undefined)
  }

  /** Takes the leases that are missing from the pool, as far as it has some. Whether all are there then. */
  borrowIdle(): boolean {
    const { holders, targets } = this
    for (let at = 0; at < targets.length; at++) holders[at] ??= this.takeIdle(targets[at]!.terms.ttl)
    if (this.mayWait) this.ticketLease ??= this.tickets.joinIdle(this)
    return this.areComplete
  }

  /** Borrows the leases that are missing. @throws StoreError */
  async borrow(within?: CallOptions): Promise<void> {
    const taking = this.targets.map(({ terms }, at) => this.takeHolder(terms.ttl, at, within))
    if (this.mayWait) taking.push(this.takeTicket(within))
    // A failure is thrown only when all have come or failed: a repetition would borrow twice what is still on its way.
    await Promise.allSettled(taking)
    await Promise.all(taking)
  }

  /**
   * Renews in the background until {@link returnLeases} or {@link drop}.
   * @param onLost called also when the tickets have to move.
   */
  keepAlive(onLost: () => void): void {
    const keepers = (this.keepers ??= new Map<Lease, LeaseKeeper>())
    for (const lease of this.borrowed) {
      if (!keepers.has(lease)) keepers.set(lease, this.pool.keepAlive(lease, { onLeaseLost: onLost }))
    }
    this.ticketLease?.keepAlive(this, onLost)
  }

  /** Renews what a grant that is sent now relies on, so that holders get their full ttl; undefined when nothing is due. A failure is found by {@link areKept}. */
  renewDue(within?: CallOptions): Promise<unknown> | undefined {
    const due = this.holders.filter(lease => lease && !lease.isFresh)
    this.ticketLease?.renewDue()
    if (due.length === 0) return undefined
    return Promise.all(due.map(lease => this.pool.renew(lease!, within).catch(() => false)))
  }

  /** Whether the leases of all holders count from now. */
  get areFresh(): boolean {
    return this.holders.every(lease => lease?.isFresh)
  }

  /** Whether the leases of all holders are alive, and count from now. @throws StoreError */
  async areKept(within?: CallOptions): Promise<boolean> {
    const old = this.holders.filter(lease => !lease?.isFresh)
    if (old.length === 0) return true
    const kept = await Promise.all(
      old.map(async lease => lease !== undefined && this.pool.renew(lease, within)),
    )
    return kept.every(Boolean)
  }

  /**
   * Ends the leases, and with them their keys; etcd refuses a write on them that arrives later.
   * @param endsTicket whether the ticket ends, too.
   * @throws StoreError
   */
  async revoke(endsTicket: boolean, within?: CallOptions): Promise<void> {
    await Promise.all([
      ...this.own(this.borrowed).map(lease => this.pool.revoke(lease, within)),
      endsTicket && this.ticketLease?.revoke(this, within),
    ])
    this.drop(this.borrowed)
    if (endsTicket) this.ticketLease = undefined
  }

  /** Gives up leases of holders, one of which has expired: etcd does not report which. */
  discardHolders(suspects: readonly (Lease | undefined)[] = this.holders): void {
    const leases = suspects.filter(lease => lease !== undefined)
    for (const lease of this.own(leases)) this.pool.discard(lease)
    this.drop(leases)
  }

  /** Etcd has refused to put the tickets, for want of one of the leases. */
  doubtTicket(): void {
    if (this.ticketLease) this.ticketLease.isDoubted = true
    this.leaveTicket()
  }

  /** There is no ticket, nor anything under way that may put one. */
  leaveTicket(): void {
    this.ticketLease?.leave(this)
    this.nextTicketLease?.leave(this)
    this.ticketLease = this.nextTicketLease = undefined
  }

  /**
   * Takes another lease for the tickets, and has `put` put them there. Resolves to false when they were not as it expected.
   * @throws StoreError; it may be called again.
   */
  async moveTickets(
    put: (lease: LeaseId) => Promise<{ readonly succeeded: boolean }>,
    within?: CallOptions,
  ): Promise<boolean> {
    const next = (this.nextTicketLease ??= await this.tickets.join(this, within))
    // Nobody else may keep it yet, and an answer that is lost takes a while.
    next.renewDue()
    const outcome = await put(next.id).catch((error: unknown) => {
      if (!isStoreError(error, 'lease-not-found')) throw error
      next.isDoubted = true
    })
    if (outcome?.succeeded === false) return false
    const left = outcome ? this.ticketLease : next
    if (outcome) this.ticketLease = next
    this.nextTicketLease = undefined
    left?.leave(this)
    return true
  }

  /**
   * Ends the renewals, and gives back the leases that are not needed any more. The leases of what is held stay, and so do those of
   * other processes. A lease goes back to the pool when it is clean: etcd has no key on it, and no write is under way that may still
   * put one. Otherwise it is revoked.
   */
  returnLeases({ isHeld, areClean, hasTicket }: Remains): void {
    if (this.keepers) for (const lease of this.borrowed) this.stopKeeping(lease)
    if (!isHeld) {
      for (const lease of this.own(this.borrowed)) {
        if (areClean) this.pool.return(lease)
        else this.pool.discard(lease)
      }
    }
    if (hasTicket) {
      this.ticketLease?.discard(this)
      this.nextTicketLease?.discard(this)
    }
    this.leaveTicket()
  }

  /** The leases of the holders, as far as there are some. */
  private get borrowed(): Lease[] {
    return this.holders.filter(lease => lease !== undefined)
  }

  private own(leases: readonly Lease[]): Lease[] {
    return leases.filter(({ id }) => this.isOwn(id))
  }

  private async takeHolder(ttl: number, at: number, within?: CallOptions): Promise<void> {
    this.holders[at] ??= await this.takeOne(ttl, within)
  }

  private async takeTicket(within?: CallOptions): Promise<void> {
    this.ticketLease ??= await this.tickets.join(this, within)
  }

  private async takeOne(ttl: number, within?: CallOptions): Promise<Lease> {
    const lease = await this.pool.borrow(ttl, within)
    this.taken = [...this.taken, lease.id]
    return lease
  }

  private takeIdle(ttl: number): Lease | undefined {
    const lease = this.pool.borrowIdle(ttl)
    if (lease) this.taken = [...this.taken, lease.id]
    return lease
  }

  private drop(leases: readonly Lease[]): void {
    for (const lease of leases) {
      this.stopKeeping(lease)
      this.holders[this.holders.indexOf(lease)] = undefined
    }
  }

  private stopKeeping(lease: Lease): void {
    this.keepers?.get(lease)?.stop()
    this.keepers?.delete(lease)
  }
}
