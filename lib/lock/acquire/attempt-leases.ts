import type { LeaseId } from '../../kv/key-value.js'
import type { CallOptions } from '../../store/store.js'
import type { Lease } from '../leases/lease.js'
import type { LeaseKeeper } from '../leases/lease-keeper.js'
import type { LeasePool } from '../leases/lease-pool.js'

/** Seconds that a dead waiter stands in the way of those behind it. */
const TICKET_TTL = 15

/**
 * The leases of one claim: one for each holder key, so that each can be released or extended by itself; and one for all
 * tickets, which come and go together.
 */
export class AttemptLeases {
  /** By lock. Undefined while there is none. */
  readonly holders: (Lease | undefined)[]
  ticket: Lease | undefined
  /** A revocation was sent and not answered: it may come at any time, so that nothing that hangs on them counts. */
  revocationPending = false
  /** Of all that were taken, also those that were given up: what hangs on others was moved there by somebody else. */
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

  /** Believes in the lease to which somebody else has moved a holding, as long as it lives. @throws StoreError */
  async adopt(at: number, id: LeaseId, within?: CallOptions): Promise<void> {
    if (this.holders[at]?.id === id) return
    const lease = await this.pool.adopt(id, within)
    if (!lease) return
    this.discard([this.holders[at]])
    this.holders[at] = lease
    this.revocationPending = false
  }

  /** Takes those that are missing. @throws StoreError */
  async borrow(within?: CallOptions): Promise<void> {
    const taking = this.ttls.map((ttl, at) => this.takeHolder(ttl, at, within))
    if (this.hasTicket) taking.push(this.takeTicket(within))
    // All have come or failed before another attempt may take one anew.
    await Promise.allSettled(taking)
    await Promise.all(taking)
  }

  /** Renews in the background until {@link returnLeases} or {@link drop}. */
  keepAlive(onLost: () => void): void {
    for (const lease of this.all) {
      if (!this.keepers.has(lease)) this.keepers.set(lease, this.pool.keepAlive(lease, onLost))
    }
  }

  /** Lets holders that are granted now have their full time, and tickets some. What fails is found out later. */
  async renewDue(within?: CallOptions): Promise<void> {
    const due = this.holders.filter(lease => lease && !lease.isFresh)
    if (this.ticket?.isAging) due.push(this.ticket)
    await Promise.all(due.map(lease => this.pool.renew(lease!, within).catch(() => false)))
  }

  /** Whether all of the holders count from now on. If not, one is gone. @throws StoreError */
  async areKept(within?: CallOptions): Promise<boolean> {
    const isKept = async (lease: Lease | undefined): Promise<boolean> =>
      lease !== undefined && (lease.isFresh || (await this.pool.renew(lease, within)))
    const kept = await Promise.all(this.holders.map(isKept))
    return kept.every(Boolean)
  }

  /** Ends all for certain, and what hangs on them, now or later. @throws StoreError */
  async revoke(within?: CallOptions): Promise<void> {
    this.revocationPending = true
    await Promise.all(this.own(this.all).map(lease => this.pool.revoke(lease, within)))
    this.drop(this.all)
    this.revocationPending = false
  }

  /** One of these is gone, it is not said which. */
  discard(suspects: readonly (Lease | undefined)[]): void {
    const leases = suspects.filter(lease => lease !== undefined)
    for (const lease of this.own(leases)) this.pool.discard(lease)
    this.drop(leases)
  }

  /** Lets go of those that are not needed any more. Clean ones have no key, and no write under way. */
  returnLeases({ isHeld, areClean }: { readonly isHeld: boolean; readonly areClean: boolean }): void {
    for (const lease of this.all) {
      this.stopKeeping(lease)
      if ((isHeld && lease !== this.ticket) || !this.isOwn(lease.id)) continue
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
