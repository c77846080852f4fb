import { decide, type Step } from '../protocol/decide.js'
import { giveUp } from '../protocol/give-up.js'
import { grant } from '../protocol/grant.js'
import type { LockKey } from '../protocol/lock-key.js'
import type { Asked } from '../protocol/request.js'
import { release } from '../protocol/release.js'
import { emptySnapshot, keyLocksOf, type Snapshot } from '../protocol/snapshot.js'
import { isStoreError } from '../store/store-error.js'
import type { Engine } from './engine.js'
import type { Holding } from './holdings.js'
import type { Lease } from './lease.js'
import type { LeaseKeeper } from './lease-keeper.js'
import { logExpired } from './log-expired.js'

/** Seconds that a dead waiter stands in the way of those behind it. */
const TICKET_TTL = 15

/**
 * The standing of one request with etcd: its leases, its place, and what it knows. Any method that rejects
 * may be called again: it then finds out first what the attempt before it has left in etcd.
 */
export class Claim {
  /** What is true, or at the start a guess. */
  snapshot: Snapshot
  private isGuess = true
  /**
   * What etcd has is not known: a grant was sent and no answer came, so that it may be applied at any time,
   * even much later; or the lease was lost after it.
   */
  private isUnsettled = false
  private isGrantedByUs = false
  private holderLease: Lease | undefined
  private ticketLease: Lease | undefined
  private readonly keepers = new Map<Lease, LeaseKeeper>()

  constructor(
    private readonly engine: Engine,
    readonly key: LockKey,
    readonly asked: Asked,
    readonly mayWait: boolean,
  ) {
    this.snapshot = engine.guesses.get(key)
  }

  /**
   * Goes on until the lock is held or there is nothing to do but wait, or, for one who may not wait, until
   * it is known to be blocked.
   * @throws StoreError, LockUnreadableError
   */
  async advance(stop: AbortSignal): Promise<Step> {
    for (;;) {
      if (this.isUnsettled) await this.recover()
      const holderLease = await this.takeLeases()
      const step = decide(this.snapshot, this.asked, this.engine.clock.now())
      if (step.kind === 'held') {
        if (await this.isKept()) return step
        continue
      }
      if (step.kind === 'lost') {
        this.isUnsettled = true
        continue
      }
      if (stop.aborted || step.kind === 'wait') return step
      if (step.kind === 'blocked' && !this.isGuess && !this.mayWait) return step
      await this.attempt(step.kind === 'grant' ? this.snapshot : emptySnapshot(this.key), holderLease)
    }
  }

  /** Keeps the place, and the lease for the holding, alive until {@link settle}. */
  keep(onLost: () => void): void {
    for (const lease of this.leases) {
      if (!this.keepers.has(lease)) this.keepers.set(lease, this.engine.pool.keep(lease, onLost))
    }
  }

  /** Leaves the queue. Resolves to `held` when the lock was granted meanwhile. @throws StoreError */
  async withdraw(): Promise<Step> {
    for (;;) {
      if (this.isUnsettled) await this.recover()
      else if (this.isGuess) await this.look()
      if (this.snapshot.tickets.has(this.asked.uuid)) {
        const { after } = await this.engine.transit(this.snapshot, giveUp(this.snapshot, this.asked.uuid))
        this.snapshot = after
      }
      const step = decide(this.snapshot, this.asked, this.engine.clock.now())
      if (step.kind === 'lost') this.isUnsettled = true
      else if (step.kind !== 'held' || (await this.isKept())) return step
    }
  }

  /** Lets go of the leases that are not needed any more; of all unless the lock is held. */
  settle(step: Step | undefined): void {
    // Whoever holds has no ticket any more, though he may not have seen it go.
    const isClean =
      step?.kind === 'held' || (step !== undefined && !this.snapshot.tickets.has(this.asked.uuid))
    for (const lease of this.leases) {
      this.stopKeeping(lease)
      if (step?.kind === 'held' && lease === this.holderLease) continue
      if (isClean) this.engine.pool.give(lease)
      else this.engine.pool.discard(lease)
    }
  }

  /** The holding, after {@link advance} or {@link withdraw} has said `held`. */
  holding(token: bigint): Holding {
    return { ...this.asked, key: this.key, token, lease: this.holderLease! }
  }

  /** Whether one who left handed the lock over: the queue behind is not known then. */
  get wasHanded(): boolean {
    return !this.isGrantedByUs
  }

  private get leases(): Lease[] {
    return [this.holderLease, this.ticketLease].filter(lease => lease !== undefined)
  }

  /** Not when it was handed to us on the lease of our ticket, which we have given up meanwhile. */
  private get isOnOurLease(): boolean {
    return this.snapshot.holders.get(this.asked.uuid)?.lease === this.holderLease?.id
  }

  private get stands(): boolean {
    const { holders, tickets } = this.snapshot
    const { uuid } = this.asked
    return holders.has(uuid)
      ? this.isOnOurLease
      : tickets.has(uuid) && !keyLocksOf(this.snapshot).locks.has(uuid)
  }

  private async takeLeases(): Promise<Lease> {
    const { pool } = this.engine
    const take = async (): Promise<Lease> => (this.holderLease ??= await pool.take(this.asked.ttl))
    const takeTicket = async (): Promise<void> => void (this.ticketLease ??= await pool.take(TICKET_TTL))
    const taking = [take(), this.mayWait ? takeTicket() : Promise.resolve()] as const
    // Both have come or failed before another attempt may take one anew.
    await Promise.allSettled(taking)
    const [holderLease] = await Promise.all(taking)
    return holderLease
  }

  /**
   * Grants from `guess`, or queues up. The holder's lease is renewed alongside, so that it lasts its full
   * ttl from `created` on.
   */
  private async attempt(guess: Snapshot, holder: Lease): Promise<void> {
    const ticket = this.ticketLease
    const now = this.engine.clock.now()
    const created = holder.isFresh ? holder.since : now
    const request = { ...this.asked, holderLease: holder.id, ticketLease: ticket?.id }
    const { transaction, expired } = grant(guess, request, now, created)
    const due = [...(holder.isFresh ? [] : [holder]), ...(ticket?.isAging ? [ticket] : [])]
    const renewals = due.map(lease => this.renew(lease))
    this.isUnsettled = true
    try {
      const { succeeded, after } = await this.engine.transit(guess, transaction)
      this.snapshot = after
      this.isGuess = false
      this.isGrantedByUs = succeeded
      if (succeeded) logExpired(this.engine.log, this.key, expired)
    } catch (error) {
      if (isStoreError(error, 'unreachable')) throw error
      if (!isStoreError(error, 'lease-not-found')) {
        this.isUnsettled = false
        throw error
      }
      this.replaceLeases()
    }
    this.isUnsettled = false
    await Promise.all(renewals)
  }

  private async renew(lease: Lease): Promise<void> {
    await this.engine.pool.renew(lease).catch(() => false)
  }

  /** Whether the lease of the holding counts from now on. If not, it is gone, and the holding with it. */
  private async isKept(): Promise<boolean> {
    const lease = this.holderLease
    this.isUnsettled =
      !lease || !this.isOnOurLease || !(lease.isFresh || (await this.engine.pool.renew(lease)))
    return !this.isUnsettled
  }

  /**
   * Finds out what an unanswered grant has done. When it has left no trace it may still come: its leases
   * are revoked, after which etcd would refuse it.
   */
  private async recover(): Promise<void> {
    await this.look()
    if (!this.stands) {
      await Promise.all(this.leases.map(lease => this.engine.pool.revoke(lease)))
      this.forget(this.leases)
      await this.clear()
    }
    this.isUnsettled = false
  }

  private async look(): Promise<void> {
    this.snapshot = await this.engine.read(this.key)
    this.isGuess = false
  }

  /** A grant whose lease is gone has left its entry, which would stand in the way, ours too, until its ttl. */
  private async clear(): Promise<void> {
    for (;;) {
      await this.look()
      const left = release(this.snapshot, this.asked.uuid, this.engine.clock.now(), {
        mayHandOver: false,
      })
      if (!left) return
      await this.engine.transit(this.snapshot, left.transaction).catch((error: unknown) => {
        if (!isStoreError(error, 'lease-not-found')) throw error
      })
    }
  }

  /** A lease is gone, it is not said which. The ticket's is not while the ticket stands. */
  private replaceLeases(): void {
    const suspects = this.snapshot.tickets.has(this.asked.uuid) ? [this.holderLease!] : this.leases
    for (const lease of suspects) this.engine.pool.discard(lease)
    this.forget(suspects)
  }

  private forget(leases: readonly Lease[]): void {
    for (const lease of leases) this.stopKeeping(lease)
    if (leases.includes(this.holderLease!)) this.holderLease = undefined
    if (leases.includes(this.ticketLease!)) this.ticketLease = undefined
  }

  private stopKeeping(lease: Lease): void {
    this.keepers.get(lease)?.stop()
    this.keepers.delete(lease)
  }
}
