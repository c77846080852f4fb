import type { LeaseId } from '../../kv/key-value.js'
import type { Transaction } from '../../kv/transaction.js'
import { decide, decideAll, type Step } from '../../protocol/decide.js'
import type { Join } from '../../protocol/compose.js'
import { giveUp } from '../../protocol/give-up.js'
import { grant } from '../../protocol/grant.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { moveTickets } from '../../protocol/move-tickets.js'
import { release } from '../../protocol/release.js'
import { queueReads } from '../../protocol/queue.js'
import { emptySnapshot, keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import type { StopSignal } from '../../time/abort-signal.js'
import { isStoreError } from '../../store/store-error.js'
import { holdingsIn, shareGrant } from './granted.js'
import { AttemptLeases } from './attempt-leases.js'
import type { Engine } from '../engine/engine.js'
import { checkDismissal } from '../release/force-release-marker.js'
import type { Holding } from '../engine/holdings.js'
import type { Lease } from '../leases/lease.js'
import { logExpired } from '../engine/log-expired.js'
import type { QueueWatcher } from './queue-watcher.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'

/**
 * One attempt to acquire a set of locks under one id: its leases, its places in the queues, and what it knows of etcd. A
 * method that rejects may be called again. It then finds out first what the call before it has left in etcd:
 *
 *     a grant is sent · no answer comes · the attempt gives up · etcd applies the grant, and nobody knows that it holds
 *
 * So after a grant without an answer etcd is read; and when the grant has left no trace, its leases are revoked before anything
 * else is done, since etcd then refuses it however late it comes.
 */
export class AcquireAttempt {
  readonly uuid: string
  readonly keys: readonly LockKey[]
  /** All keys, for errors. */
  readonly path: string
  private snapshots: readonly Snapshot[]
  private isGuess = true
  /**
   * What etcd has is not known: a grant was sent and no answer came, so etcd may apply it at any time, even much later; or a
   * lease was lost after the grant.
   */
  private isUnsettled = false
  private isGrantedByUs = false
  /** The time that the call under way has. */
  private within: CallOptions = {}
  private readonly leases: AttemptLeases

  constructor(
    private readonly engine: Engine,
    private readonly targets: readonly LockTarget[],
    readonly mayWait: boolean,
    /** Is told what this process does to the queue of a single lock, once the attempt has a ticket. */
    private readonly waiter: QueueWatcher,
  ) {
    this.uuid = targets[0]!.terms.uuid
    this.keys = targets.map(({ key }) => key)
    this.path = this.isSingle ? this.keys[0]!.path : this.keys.join(', ')
    this.snapshots = this.keys.map(key => engine.snapshots.get(key))
    // Whoever takes several looks at whole queues.
    if (!this.isSingle)
      this.snapshots = this.snapshots.map(seen => (seen.isWhole ? seen : emptySnapshot(seen.key)))
    const ttls = targets.map(({ terms }) => terms.ttl)
    this.leases = new AttemptLeases(engine.pool, engine.tickets, ttls, mayWait)
  }

  get seen(): readonly TargetSnapshot[] {
    return this.targets.map((target, at) => ({ ...target, snapshot: this.snapshots[at]! }))
  }

  /** Takes over what the waiter has seen since. */
  see(snapshots: readonly Snapshot[]): void {
    this.snapshots = snapshots
  }

  /**
   * Goes on until all locks are held or there is nothing to do but wait; without waiting, until the attempt is known to be
   * blocked.
   * @throws StoreError, LockDismissedError, LockUnreadableError
   */
  async advance(stop: StopSignal, within: CallOptions): Promise<Step> {
    this.within = within
    for (;;) {
      if (this.isUnsettled) await this.recover()
      while (this.leases.isTicketRetired) await this.moveTickets()
      if (!this.leases.borrowIdle()) await this.leases.borrow(within)
      if (this.isGuess && this.isSingle && !stop.aborted) {
        await this.join()
        continue
      }
      const step = this.decide()
      if (step.kind === 'held') {
        if (this.isFresh || (await this.isKept())) return step
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
      if (this.isSingle && !this.hasTickets) await this.join()
      else if (step.kind === 'grant') await this.attempt(this.snapshots)
      // Another process has deleted one of our tickets: leave all queues, and join them anew at one revision.
      else if (this.hasTickets) await this.leave()
      else await this.attempt(this.keys.map(emptySnapshot))
    }
  }

  /** Renews the leases of the tickets and the holdings until {@link finish}. */
  keepAlive(onLost: () => void): void {
    this.leases.keepAlive(onLost)
  }

  /** Leaves the queues. Resolves to `held` when a release has granted everything meanwhile. @throws StoreError */
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

  /** Gives back the leases that are not needed any more: all of them unless everything is held. */
  finish(step: Step | undefined): void {
    const isHeld = step?.kind === 'held'
    // A grant deletes the ticket, though our snapshot may be stale.
    const hasTickets = !isHeld && this.hasTickets
    const areClean = step !== undefined && !hasTickets
    this.leases.returnLeases({ isHeld, areClean, hasTickets })
    if (isHeld) return
    for (const { key, terms } of this.targets) {
      if (areClean) this.engine.ids.free(key.path, this.uuid)
      // Its leases may have been renewed just now; clocks may differ by as much again.
      else this.engine.ids.rest(key.path, this.uuid, 2_000 * terms.ttl)
    }
  }

  /** Whether other processes are in the way, by the last answer of etcd, and no grant is unanswered since. */
  get isBlocked(): boolean {
    return !this.isGuess && !this.isUnsettled && ['wait', 'blocked'].includes(this.decide().kind)
  }

  /** The holdings, after {@link advance} or {@link withdraw} has said `held`. */
  get holdings(): Holding[] {
    return holdingsIn(this.snapshots, this.targets, this.leases.holders)
  }

  /** False for a lease to which another process, which knows the id, has moved our holding. */
  isOwnLease(lease: LeaseId): boolean {
    return this.leases.isOwn(lease)
  }

  /** What it was granted is released from what is known of it, which this process knows unless another has granted it. */
  shareWhatItSaw(): void {
    if (!this.isGrantedByUs) shareGrant(this.engine, this.snapshots, this.uuid)
  }

  private get isSingle(): boolean {
    return this.targets.length === 1
  }

  private get hasTickets(): boolean {
    return this.snapshots.some(({ tickets }) => tickets.has(this.uuid))
  }

  private get hasAllTickets(): boolean {
    return this.snapshots.every(({ tickets }) => tickets.has(this.uuid))
  }

  /**
   * False when a release handed the lock over on a lease that we have given up meanwhile:
   *
   *     our ticket names lease A · A seems lost, B takes its place · a release grants to our ticket, on A · A ends
   *
   * To rely on B then would be to hold nothing.
   */
  private get isOnOurLeases(): boolean {
    const { leases, uuid } = this
    return this.snapshots.every(({ holders }, at) => holders.get(uuid)?.lease === leases.holders[at]?.id)
  }

  /** The lease that another process moved our grant to. That process answers for what it does with it. */
  private get movedTo(): LeaseId | undefined {
    const lease = this.snapshots[0]!.holders.get(this.uuid)?.lease
    const isMoved = this.targets.length === 1 && lease !== undefined && !this.leases.isOwn(lease)
    return isMoved ? lease : undefined
  }

  /** Whether etcd has everything that we know of: all holder keys on our leases, or all tickets and no entry. */
  private get isValid(): boolean {
    const { snapshots, uuid } = this
    if (snapshots.some(({ holders }) => holders.has(uuid))) return this.isOnOurLeases
    return snapshots.every(snapshot => snapshot.tickets.has(uuid) && !keyLocksOf(snapshot).locks.has(uuid))
  }

  private decide(): Step {
    const now = this.engine.clock.now()
    const [snapshot] = this.snapshots as readonly [Snapshot]
    return this.isSingle ? decide(snapshot, this.targets[0]!.terms, now) : decideAll(this.seen, now)
  }

  /** Takes the lock, or a ticket, in one transaction with whatever else this process wants of it. */
  private async join(): Promise<void> {
    const [target] = this.targets as readonly [LockTarget]
    const join = this.joinOf(target, this.leases.holders[0]!)
    const renewals = this.leases.renewDue(this.within)
    const intent = { uuid: this.uuid, join, from: this.snapshots[0]! }
    this.unsettle()
    try {
      this.waiter.prepare()
      const waiter = this.mayWait ? this.waiter : undefined
      const result = await this.engine.coordinator(target.key).join(intent, this.within, waiter)
      if (result.kind === 'answered') {
        this.snapshots = [result.after]
        this.isGuess = false
        this.isGrantedByUs = result.succeeded && result.composition.granted.has(this.uuid)
      }
    } catch (error) {
      this.onFailure(error)
    }
    this.settle()
    if (renewals) await renewals
  }

  /** What is asked of one lock. */
  private joinOf({ terms, extraOps }: LockTarget, lease: Lease): Join {
    const created = lease.isFresh ? lease.since : this.engine.clock.now()
    const handoffAllowed = this.isSingle && !extraOps
    const { uuid, owner, concurrency, ttl, renewed = false } = terms
    const [holderLease, ticketLease] = [lease.id, this.leases.ticket]
    const request = { uuid, owner, concurrency, ttl, renewed, holderLease, ticketLease, handoffAllowed }
    return { request, created, extraOps: extraOps?.(lease.id, created) ?? [] }
  }

  /** Renews what a hand-over that is about to come relies on. */
  renewLeases(): void {
    void this.leases.renewDue(this.within)
  }

  /**
   * One transaction that grants all locks if they are as in `guesses`, and joins the queues otherwise. The leases of the holders
   * are renewed at the same time, so that they last for their full ttl.
   */
  private async attempt(guesses: readonly Snapshot[]): Promise<void> {
    const now = this.engine.clock.now()
    const reads = this.isSingle ? { reads: queueReads } : {}
    const grants = this.targets.map((target, at) => {
      const { request, ...options } = this.joinOf(target, this.leases.holders[at]!)
      return grant(guesses[at]!, request, now, { ...options, ...reads })
    })
    const renewals = this.leases.renewDue(this.within)
    this.unsettle()
    try {
      const transactions = grants.map(({ transaction }) => transaction)
      const { succeeded, after } = await this.engine.commitTracked(guesses, transactions, this.within)
      this.snapshots = after
      this.isGuess = false
      this.isGrantedByUs = succeeded
      if (!succeeded) await this.lookForTicket(guesses)
      if (succeeded) grants.forEach(({ expired }, at) => logExpired(this.engine.log, this.keys[at]!, expired))
    } catch (error) {
      this.onFailure(error)
    }
    this.settle()
    if (renewals) await renewals
  }

  /**
   * The beginning of the queue does not show a ticket that stands behind it:
   *
   *     those before it that were known are gone · others stand between · it tries a grant, which fails · their tickets are read
   *
   * To take it for gone would be to take another one, which nobody would delete when the lock is handed over meanwhile.
   */
  private async lookForTicket(before: readonly Snapshot[]): Promise<void> {
    const [{ isWhole, tickets }] = this.snapshots as readonly [Snapshot]
    if (!this.isSingle || isWhole || tickets.has(this.uuid) || !before[0]!.tickets.has(this.uuid)) return
    // Until it has looked: who gives up meanwhile must not believe that it has no ticket.
    this.isGuess = true
    await this.look()
  }

  /** A transaction is sent that may grant, and puts the tickets when there are none. */
  private unsettle(): void {
    this.isUnsettled = true
    this.leases.isTicketInDoubt = !this.hasTickets
  }

  private settle(): void {
    this.isUnsettled = false
    this.leases.isTicketInDoubt = false
  }

  /** Of a grant: after a refusal it is known that nothing was applied, and nothing is known when no answer came. @throws StoreError */
  private onFailure(error: unknown): void {
    if (isStoreError(error, 'unreachable')) throw error
    this.settle()
    if (!isStoreError(error, 'lease-not-found')) throw error
    this.leases.discardHolders()
    // The tickets exist, so their lease does: it is one of the others that has expired.
    if (!this.hasTickets) this.leases.doubtTicket()
  }

  /** The lease of the tickets is going to end: they keep their places on another one, since a put over a key keeps its create revision. */
  private async moveTickets(): Promise<void> {
    if (!this.hasTickets) return this.leases.leaveTicket()
    const { engine, snapshots, uuid, within } = this
    const put = (lease: LeaseId) => engine.commit(moveTickets(snapshots, uuid, lease), within)
    const isMoved = await this.leases.moveTickets(put, within)
    // A move that was not answered has come through, or the tickets are gone.
    if (!isMoved) await this.look()
  }

  /** Whether all is held on our leases, which count from now, so that nothing needs to be asked. */
  private get isFresh(): boolean {
    return this.leases.areFresh && this.isOnOurLeases
  }

  /** Whether all holdings are on our leases, and these are alive and count from now. If not, a holding is lost. */
  private async isKept(): Promise<boolean> {
    this.isUnsettled = !this.isOnOurLeases || !(await this.leases.areKept(this.within))
    return !this.isUnsettled
  }

  /** Deletes the tickets that are known. Resolves to false when one of them was gone: then nothing was changed. */
  private async leave(): Promise<boolean> {
    return this.change(snapshot => giveUp(snapshot, this.uuid, this.isSingle ? queueReads : undefined))
  }

  /** Commits the plans of all locks that have one, in one transaction. Resolves to false when etcd refused it. */
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
   * Finds out what an unanswered grant has done. When it has left no trace, etcd may still apply it: its leases are revoked, so that
   * etcd refuses it. A grant that is seen does not count while a revocation of its leases is unanswered either: etcd may apply
   * the revocation later, and end what we would believe to hold.
   */
  private async recover(): Promise<void> {
    await this.look()
    if (this.movedTo !== undefined) await this.leases.adopt(0, this.movedTo, this.within)
    if (this.leases.revocationPending || !this.isValid) {
      await this.leases.revoke(this.within)
      await this.clear()
    }
    this.settle()
  }

  private async look(): Promise<void> {
    const { engine, keys, uuid, within } = this
    this.snapshots = this.isSingle
      ? [await engine.readQueue(keys[0]!, uuid, within)]
      : await engine.read(keys, within)
    this.isGuess = false
  }

  /**
   * Deletes the entry of a grant whose lease is gone: it would block others, and us, until its ttl is over.
   */
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
