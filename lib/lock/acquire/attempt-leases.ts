import type { LeaseId } from '../../kv/key-value.js'
import type { CallOptions } from '../../store/store.js'
import type { Lease } from '../leases/lease.js'
import type { LeaseKeeper } from '../leases/lease-keeper.js'
import type { LeasePool } from '../leases/lease-pool.js'

/** Seconds that a dead waiter stands in the way of those behind it. */
const TICKET_TTL = 15

/**
 * The leases of one attempt: one for each holder key, so that each can be released or extended by itself; and one for all
 * tickets, which come and go together.
 */
export class AttemptLeases {
  /** For each lock, in the order of the ttls. Undefined while there is none. */
  readonly holders: (Lease | undefined)[]
  ticket: Lease | undefined
  /** A revocation was sent and not answered. etcd may apply it at any time, so no key on these leases counts. */
  revocationPending = false
  /** All leases that this attempt has borrowed, also those it gave up. A key on another lease was moved there by another process. */
  private readonly taken = new Set<LeaseId>()
  private readonly keepers = new Map<Lease, LeaseKeeper>()

  constructor(
    private readonly pool: LeasePool,
    private readonly ttls: readonly number[],
    private readonly hasTicket: boolean,
  ) {
    this.holders = ttls.map(() => undefined)
  }

  get all(): Lease[] {
    return [...this.holders, this.ticket].filter(lease => lease !== undefined)
  }

  isOwn(lease: LeaseId): boolean {
    return this.taken.has(lease)
  }

  /** Takes over the lease to which another process has moved our holding, if it is still alive. @throws StoreError */
  async adopt(at: number, id: LeaseId, within?: CallOptions): Promise<void> {
    if (this.holders[at]?.id === id) return
    const lease = await this.pool.adopt(id, within)
    if (!lease) return
    this.discard([this.holders[at]])
    this.holders[at] = lease
    this.revocationPending = false
  }

  /** Takes the leases that are missing from the pool, as far as it has some. Whether all are there then. */
  borrowIdle(): boolean {
    this.ttls.forEach((ttl, at) => (this.holders[at] ??= this.takeIdle(ttl)))
    if (this.hasTicket) this.ticket ??= this.takeIdle(TICKET_TTL)
    return this.holders.every(Boolean) && (!this.hasTicket || this.ticket !== undefined)
  }

  /** Borrows the leases that are missing. @throws StoreError */
  async borrow(within?: CallOptions): Promise<void> {
    const taking = this.ttls.map((ttl, at) => this.takeHolder(ttl, at, within))
    if (this.hasTicket) taking.push(this.takeTicket(within))
    // A failure is thrown only when all have come or failed: a repetition would borrow twice what is still on its way.
    await Promise.allSettled(taking)
    await Promise.all(taking)
  }

  /** Renews in the background until {@link returnLeases} or {@link drop}. */
  keepAlive(onLost: () => void): void {
    for (const lease of this.all) {
      if (!this.keepers.has(lease)) this.keepers.set(lease, this.pool.keepAlive(lease, onLost))
    }
  }

  /** Renews what a grant that is sent now relies on, so that holders get their full ttl; undefined when nothing is due. A failure is found by {@link areKept}. */
  renewDue(within?: CallOptions): Promise<unknown> | undefined {
    const due = this.holders.filter(lease => lease && !lease.isFresh)
    if (this.ticket?.isAging) due.push(this.ticket)
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

  /** Ends all leases, and with them their keys; etcd refuses a write on them that arrives later. @throws StoreError */
  async revoke(within?: CallOptions): Promise<void> {
    this.revocationPending = true
    await Promise.all(this.own(this.all).map(lease => this.pool.revoke(lease, within)))
    this.drop(this.all)
    this.revocationPending = false
  }

  /** Gives up these leases, one of which has expired: etcd does not report which. */
  discard(suspects: readonly (Lease | undefined)[]): void {
    const leases = suspects.filter(lease => lease !== undefined)
    for (const lease of this.own(leases)) this.pool.discard(lease)
    this.drop(leases)
  }

  /**
   * Ends the renewals, and gives back the leases that are not needed any more. The leases of what is held stay, and so do those of
   * other processes. A lease goes back to the pool when it is clean: etcd has no key on it, and no write is under way that may still
   * put one. Otherwise it is revoked.
   */
  returnLeases({ isHeld, areClean }: { readonly isHeld: boolean; readonly areClean: boolean }): void {
    for (const lease of this.all) this.stopKeeping(lease)
    const needed = isHeld ? this.holders : []
    for (const lease of this.own(this.all).filter(each => !needed.includes(each))) {
      if (areClean) this.pool.return(lease)
      else this.pool.discard(lease)
    }
  }

  private own(leases: readonly Lease[]): Lease[] {
    return leases.filter(({ id }) => this.isOwn(id))
  }

  private async takeHolder(ttl: number, at: number, within?: CallOptions): Promise<void> {
    this.holders[at] ??= await this.takeOne(ttl, within)
  }

  private async takeTicket(within?: CallOptions): Promise<void> {
    this.ticket ??= await this.takeOne(TICKET_TTL, within)
  }

  private async takeOne(ttl: number, within?: CallOptions): Promise<Lease> {
    const lease = await this.pool.borrow(ttl, within)
    this.taken.add(lease.id)
    return lease
  }

  private takeIdle(ttl: number): Lease | undefined {
    const lease = this.pool.borrowIdle(ttl)
    if (lease) this.taken.add(lease.id)
    return lease
  }

  private drop(leases: readonly Lease[]): void {
    for (const lease of leases) {
      this.stopKeeping(lease)
      const at = this.holders.indexOf(lease)
      if (at >= 0) this.holders[at] = undefined
      else this.ticket = undefined
    }
  }

  private stopKeeping(lease: Lease): void {
    this.keepers.get(lease)?.stop()
    this.keepers.delete(lease)
  }
}
