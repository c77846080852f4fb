import type { LeaseId } from '../../kv/key-value.js'
import type { Transaction } from '../../kv/transaction.js'
import { decideAll, type Step } from '../../protocol/decide.js'
import { giveUp } from '../../protocol/give-up.js'
import { grant } from '../../protocol/grant.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { release } from '../../protocol/release.js'
import { emptySnapshot, keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import { parseTerms } from '../../protocol/terms.js'
import type { CallOptions } from '../../store/store.js'
import { isStoreError } from '../../store/store-error.js'
import { AttemptLeases } from './attempt-leases.js'
import type { Engine } from '../engine/engine.js'
import { checkDismissal } from '../release/force-release-marker.js'
import type { Holding } from '../engine/holdings.js'
import type { Lease } from '../leases/lease.js'
import { logExpired } from '../engine/log-expired.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'

/**
 * The standing of one request with etcd: its leases, its place, and what it knows. Any method that rejects
 * may be called again: it then finds out first what the attempt before it has left in etcd.
 */
export class AcquireAttempt {
  readonly uuid: string
  readonly keys: readonly LockKey[]
  /** For errors. */
  readonly path: string
  private snapshots: readonly Snapshot[]
  private isGuess = true
  /**
   * What etcd has is not known: a grant was sent and no answer came, so that it may be applied at any time,
   * even much later; or the lease was lost after it.
   */
  private isUnsettled = false
  private isGrantedByUs = false
  /** The time that the attempt in hand has. */
  private within: CallOptions = {}
  private readonly leases: AttemptLeases

  constructor(
    private readonly engine: Engine,
    private readonly targets: readonly LockTarget[],
    readonly mayWait: boolean,
  ) {
    this.uuid = targets[0]!.terms.uuid
    this.keys = targets.map(({ key }) => key)
    this.path = this.keys.join(', ')
    this.snapshots = this.keys.map(key => engine.snapshots.get(key))
    const ttls = targets.map(({ terms }) => terms.ttl)
    this.leases = new AttemptLeases(engine.pool, ttls, mayWait)
  }

  get seen(): readonly TargetSnapshot[] {
    return this.targets.map((target, at) => ({ ...target, snapshot: this.snapshots[at]! }))
  }

  /** What was seen since, by one who waited. */
  see(snapshots: readonly Snapshot[]): void {
    this.snapshots = snapshots
  }

  /**
   * Goes on until all is held or there is nothing to do but wait, or, for one who may not wait, until
   * it is known to be blocked.
   * @throws StoreError, LockDismissedError, LockUnreadableError
   */
  async advance(stop: AbortSignal, within: CallOptions): Promise<Step> {
    this.within = within
    for (;;) {
      if (this.isUnsettled) await this.recover()
      await this.leases.borrow(within)
      const step = this.decide()
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
      if (!this.isGuess && !this.hasAllTickets)
        await checkDismissal(this.engine, this.keys, this.uuid, within)
      if (step.kind === 'grant') await this.attempt(this.snapshots)
      // Somebody has taken a ticket of ours away: all queues are joined anew, at one revision.
      else if (this.hasTickets) await this.leave()
      else await this.attempt(this.keys.map(emptySnapshot))
    }
  }

  /** Keeps the place, and the leases for the holdings, alive until {@link finish}. */
  keepAlive(onLost: () => void): void {
    this.leases.keepAlive(onLost)
  }

  /** Leaves the queue. Resolves to `held` when all was granted meanwhile. @throws StoreError */
  async withdraw(within: CallOptions): Promise<Step> {
    this.within = within
    for (;;) {
      if (this.isUnsettled) await this.recover()
      else if (this.isGuess) await this.look()
      if (this.hasTickets && !(await this.leave())) continue
      const step = this.decide()
      if (step.kind === 'lost') this.isUnsettled = true
      else if (step.kind !== 'held' || (await this.isKept())) return step
    }
  }

  /** Lets go of the leases that are not needed any more; of all unless all is held. */
  finish(step: Step | undefined): void {
    const isHeld = step?.kind === 'held'
    // Whoever holds has no ticket any more, though he may not have seen it go.
    this.leases.returnLeases({ isHeld, areClean: isHeld || (step !== undefined && !this.hasTickets) })
  }

  /** Whether others stand in the way, as etcd has told, and nothing was sent since of which no answer has come. */
  get isBlocked(): boolean {
    return !this.isGuess && !this.isUnsettled && ['wait', 'blocked'].includes(this.decide().kind)
  }

  /** The holdings, after {@link advance} or {@link withdraw} has said `held`. */
  get holdings(): Holding[] {
    return this.targets.map(({ key, terms }, at) => {
      const { createRevision: token, value } = this.snapshots[at]!.holders.get(this.uuid)!
      return { ...terms, key, token, created: parseTerms(value)?.created, lease: this.leases.holders[at]! }
    })
  }

  /** Not when somebody else, who knows the id, has moved a holding there. */
  isOwnLease(lease: LeaseId): boolean {
    return this.leases.isOwn(lease)
  }

  /** Whether one who left handed the lock over: the queue behind is not known then. */
  get gotByHandoff(): boolean {
    return !this.isGrantedByUs
  }

  private get hasTickets(): boolean {
    return this.snapshots.some(({ tickets }) => tickets.has(this.uuid))
  }

  private get hasAllTickets(): boolean {
    return this.snapshots.every(({ tickets }) => tickets.has(this.uuid))
  }

  /** Not when it was handed to us on the lease of our ticket, which we have given up meanwhile. */
  private isOnLease({ holders }: Snapshot, lease: Lease | undefined): boolean {
    return holders.get(this.uuid)?.lease === lease?.id
  }

  private get isOnOurLeases(): boolean {
    return this.snapshots.every((snapshot, at) => this.isOnLease(snapshot, this.leases.holders[at]))
  }

  /** The lease of somebody else to which he has moved what was granted to us. What he does is his to answer for. */
  private get movedTo(): LeaseId | undefined {
    const lease = this.snapshots[0]!.holders.get(this.uuid)?.lease
    const isMoved = this.targets.length === 1 && lease !== undefined && !this.leases.isOwn(lease)
    return isMoved ? lease : undefined
  }

  /** All is held, or waited for. */
  private get isValid(): boolean {
    const { snapshots, uuid } = this
    if (snapshots.some(({ holders }) => holders.has(uuid))) return this.isOnOurLeases
    return snapshots.every(snapshot => snapshot.tickets.has(uuid) && !keyLocksOf(snapshot).locks.has(uuid))
  }

  private decide(): Step {
    return decideAll(this.seen, this.engine.clock.now())
  }

  /** Grants from `guesses`, or queues up. The holders' leases are renewed alongside, so that they last their full ttl. */
  private async attempt(guesses: readonly Snapshot[]): Promise<void> {
    const now = this.engine.clock.now()
    const grants = this.targets.map(({ terms, extraOps }, at) => {
      const lease = this.leases.holders[at]!
      const created = lease.isFresh ? lease.since : now
      const request = {
        ...terms,
        holderLease: lease.id,
        ticketLease: this.leases.ticket?.id,
        handoffAllowed: this.targets.length === 1 && !extraOps,
      }
      return grant(guesses[at]!, request, now, { created, extraOps: extraOps?.(lease.id, created) })
    })
    const renewals = this.leases.renewDue(this.within)
    this.isUnsettled = true
    try {
      const transactions = grants.map(({ transaction }) => transaction)
      const { succeeded, after } = await this.engine.commitTracked(guesses, transactions, this.within)
      this.snapshots = after
      this.isGuess = false
      this.isGrantedByUs = succeeded
      if (succeeded) grants.forEach(({ expired }, at) => logExpired(this.engine.log, this.keys[at]!, expired))
    } catch (error) {
      if (isStoreError(error, 'unreachable')) throw error
      if (!isStoreError(error, 'lease-not-found')) {
        this.isUnsettled = false
        throw error
      }
      // The ticket's is not gone while the tickets stand.
      this.leases.discard(this.hasTickets ? this.leases.holders : this.leases.all)
    }
    this.isUnsettled = false
    await renewals
  }

  /** Whether the leases of the holdings count from now on. If not, one is gone, and its holding with it. */
  private async isKept(): Promise<boolean> {
    this.isUnsettled = !this.isOnOurLeases || !(await this.leases.areKept(this.within))
    return !this.isUnsettled
  }

  /** Takes back the tickets that are known. Resolves to false when one of them was gone; then nothing was done. */
  private async leave(): Promise<boolean> {
    return this.change(snapshot => giveUp(snapshot, this.uuid))
  }

  /** Makes a transition of those locks that have it, all at once. Resolves to false when it was refused. */
  private async change(planOf: (snapshot: Snapshot) => Transaction | undefined): Promise<boolean> {
    const plans = this.snapshots.flatMap(snapshot => {
      const transaction = planOf(snapshot)
      return transaction ? [{ snapshot, transaction }] : []
    })
    const before = plans.map(({ snapshot }) => snapshot)
    const { succeeded, after } = await this.engine.commitTracked(
      before,
      plans.map(({ transaction }) => transaction),
      this.within,
    )
    this.snapshots = this.snapshots.map(snapshot => after[before.indexOf(snapshot)] ?? snapshot)
    return succeeded
  }

  /**
   * Finds out what an unanswered grant has done. When it has left no trace it may still come: its leases
   * are revoked, after which etcd would refuse it.
   */
  private async recover(): Promise<void> {
    await this.look()
    if (this.movedTo !== undefined) await this.leases.adopt(0, this.movedTo, this.within)
    if (this.leases.revocationPending || !this.isValid) {
      await this.leases.revoke(this.within)
      await this.clear()
    }
    this.isUnsettled = false
  }

  private async look(): Promise<void> {
    this.snapshots = await this.engine.read(this.keys, this.within)
    this.isGuess = false
  }

  /** A grant whose lease is gone has left its entry, which would stand in the way, ours too, until its ttl. */
  private async clear(): Promise<void> {
    for (;;) {
      await this.look()
      if (this.movedTo !== undefined) return
      const now = this.engine.clock.now()
      const planOf = (snapshot: Snapshot): Transaction | undefined =>
        release(snapshot, this.uuid, now, { mostSuccessors: 0 })?.transaction
      if (!this.snapshots.some(planOf)) return
      await this.change(planOf).catch((error: unknown) => {
        if (!isStoreError(error, 'lease-not-found')) throw error
      })
    }
  }
}
