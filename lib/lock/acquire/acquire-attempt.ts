import type { LeaseId } from '../../kv/key-value.js'
import type { Transaction } from '../../kv/transaction.js'
import type { Join } from '../../protocol/compose.js'
import { decide, decideAll, type Step } from '../../protocol/decide.js'
import { giveUp } from '../../protocol/give-up.js'
import { grant } from '../../protocol/grant.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { moveTickets } from '../../protocol/move-tickets.js'
import { queueReads } from '../../protocol/queue.js'
import { release } from '../../protocol/release.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { isProvenRefusal, isStoreError } from '../../store/store-error.js'
import type { StopSignal } from '../../time/abort-signal.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import { logExpired } from '../engine/log-expired.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'
import { checkDismissal } from '../release/force-release-marker.js'
import { beginAttempt, next, settled } from './attempt.js'
import { AttemptLeases } from './attempt-leases.js'
import {
  type AttemptEffect,
  type AttemptEvent,
  type AttemptFacts,
  type AttemptState,
  isBlocked,
  type Pause,
  remainsOf,
} from './attempt-state.js'
import { holdingsIn, shareGrant } from './granted.js'
import type { QueueWatcher } from './queue-watcher.js'

const GO = { kind: 'go' } as const
const LEAVE = { kind: 'leave' } as const
const CLEARED = { kind: 'cleared' } as const
const REFUSED = { kind: 'refused' } as const
const REVOKED = { kind: 'revoked' } as const
const UNMARKED = { kind: 'unmarked' } as const

type Call = Exclude<AttemptEffect, Pause>

/**
 * Carries out what {@link next} decides for one attempt. A method that rejects may be called again: what the call before it has left in
 * etcd is found out first.
 */
export class AcquireAttempt implements AttemptFacts {
  readonly keys: readonly LockKey[]
  /** All keys, for errors. */
  readonly path: string
  private state: AttemptState
  /** The time that the call under way has. */
  private within: CallOptions = {}
  private readonly leases: AttemptLeases

  constructor(
    private readonly engine: Engine,
    private readonly targets: readonly LockTarget[],
    readonly mayWait: boolean,
    private readonly stop: StopSignal,
    /** Is told what this process does to the queue of a single lock, once the attempt has a ticket. */
    private readonly waiter: QueueWatcher,
  ) {
    this.keys = targets.map(({ key }) => key)
    this.path = this.isSingle ? this.keys[0]!.path : this.keys.join(', ')
    const cached = this.keys.map(key => engine.snapshots.get(key))
    this.state = beginAttempt(targets[0]!.terms.uuid, mayWait, cached)
    this.leases = new AttemptLeases(engine.pool, engine.tickets, targets, mayWait)
  }

  get uuid(): string {
    return this.state.uuid
  }

  get seen(): readonly TargetSnapshot[] {
    const { snapshots } = this.state
    return this.targets.map((target, at) => ({ ...target, snapshot: snapshots[at]! }))
  }

  /** Takes over what the waiter has seen since. */
  see(snapshots: readonly Snapshot[]): void {
    this.state = { ...this.state, snapshots }
  }

  /**
   * Goes on until all locks are held, it is known to be blocked and does not wait, or there is nothing to do but wait.
   * @throws StoreError, LockDismissedError, LockUnreadableError
   */
  advance(within: CallOptions): Promise<Pause> {
    return this.run(GO, within)
  }

  /** Leaves the queues, or finds that a release has granted everything meanwhile. @throws StoreError */
  withdraw(within: CallOptions): Promise<Pause> {
    return this.run(LEAVE, within)
  }

  /** Renews the leases of the tickets and the holdings until {@link finish}. */
  keepAlive(onLost: () => void): void {
    this.leases.keepAlive(onLost)
  }

  /** Renews what a hand-over that is about to come relies on. */
  renewLeases(): void {
    void this.leases.renewDue(this.within)
  }

  /** Gives back the leases that are not needed any more: all of them unless everything is held. */
  finish(end: 'hold' | 'left' | undefined): void {
    const { engine, state, targets } = this
    const remains = remainsOf(state, end)
    this.leases.returnLeases(remains)
    if (remains.isHeld) return
    for (const { key, terms } of targets) {
      if (remains.areClean) engine.ids.free(key.path, state.uuid)
      // Its leases may have been renewed just now; clocks may differ by as much again.
      else engine.ids.rest(key.path, state.uuid, 2_000 * terms.ttl)
    }
  }

  /** Whether other processes are in the way, by the last answer of etcd, and no grant is unanswered since. */
  get isBlocked(): boolean {
    return isBlocked(this.state, this)
  }

  /** The holdings, at the end with `hold`. */
  get holdings(): Holding[] {
    return holdingsIn(this.state.snapshots, this.targets, this.leases.holders)
  }

  /** What it was granted is released from what is known of it, which this process knows unless another has granted it. */
  shareWhatItSaw(): void {
    const { isGrantedByUs, snapshots, uuid } = this.state
    if (!isGrantedByUs) shareGrant(this.engine, snapshots, uuid)
  }

  decide(snapshots: readonly Snapshot[]): Step {
    const { targets } = this
    const now = this.engine.clock.now()
    if (this.isSingle) return decide(snapshots[0]!, targets[0]!.terms, now)
    return decideAll(
      targets.map((target, at) => ({ ...target, snapshot: snapshots[at]! })),
      now,
    )
  }

  leaseAt(place: number): LeaseId | undefined {
    return this.leases.holders[place]?.id
  }

  isOwnLease(lease: LeaseId): boolean {
    return this.leases.isOwn(lease)
  }

  get hasLeases(): boolean {
    return this.leases.areComplete
  }

  get areFresh(): boolean {
    return this.leases.areFresh
  }

  get isTicketRetired(): boolean {
    return this.leases.isTicketRetired
  }

  get isStopped(): boolean {
    return this.stop.aborted
  }

  private get isSingle(): boolean {
    return this.targets.length === 1
  }

  private async run(event: AttemptEvent, within: CallOptions): Promise<Pause> {
    this.within = within
    let effect = this.next(event)
    while (!isPause(effect)) {
      const answer = this.perform(effect)
      effect = this.next(answer instanceof Promise ? await answer : answer)
    }
    return effect
  }

  private next(event: AttemptEvent): AttemptEffect {
    const { effect, state } = next(this.state, event, this)
    this.state = state
    return effect
  }

  /** @throws StoreError, LockDismissedError, LockUnreadableError */
  private perform(effect: Call): AttemptEvent | Promise<AttemptEvent> {
    const { leases, within } = this
    switch (effect.kind) {
      case 'borrow':
        return leases.borrowIdle() ? GO : leases.borrow(within).then(() => GO)
      case 'join':
        return this.join(effect.from)
      case 'grant':
        return this.grant(effect.from)
      case 'give-up':
        return this.giveUp()
      case 'read':
        return this.read()
      case 'find-marker':
        return checkDismissal(this.engine, this.keys, this.uuid, within).then(() => UNMARKED)
      case 'move-tickets':
        return this.moveTickets()
      case 'leave-ticket-lease':
        leases.leaveTicket()
        return GO
      case 'renew':
        return leases.areKept(within).then(areAlive => ({ kind: 'renewed', areAlive }))
      case 'adopt':
        return leases.adopt(0, effect.lease, within).then(isAlive => ({ kind: 'adopted', isAlive }))
      case 'revoke':
        return leases.revoke(effect.endsTicket, within).then(() => REVOKED)
      case 'clear':
        return this.clear()
      case 'drop-leases':
        leases.discardHolders()
        if (effect.doubtsTicket) leases.doubtTicket()
        return GO
    }
  }

  private async join(from: Snapshot): Promise<AttemptEvent> {
    const { engine, mayWait, uuid, waiter, within } = this
    const [target] = this.targets as readonly [LockTarget]
    const join = this.joinOf(target, 0)
    const renewals = this.leases.renewDue(within)
    let event: AttemptEvent
    try {
      waiter.prepare()
      const intent = { uuid, join, from }
      const result = await engine.coordinator(target.key).join(intent, within, mayWait ? waiter : undefined)
      if (result.kind === 'answered') {
        const isGranted = result.succeeded && result.composition.granted.has(uuid)
        event = { kind: 'answered', isGranted, snapshots: [result.after] }
      } else event = GO
    } catch (error) {
      event = this.refused(error)
    }
    if (renewals) await renewals
    return event
  }

  /** What is asked of the lock at this place. */
  private joinOf({ terms, extraOps }: LockTarget, at: number): Join {
    const lease = this.leases.holders[at]!
    const created = lease.isFresh ? lease.since : this.engine.clock.now()
    const handoffAllowed = this.isSingle && !extraOps
    const { uuid, owner, concurrency, ttl, renewed = false } = terms
    const [holderLease, ticketLease] = [lease.id, this.leases.ticket]
    const request = { uuid, owner, concurrency, ttl, renewed, holderLease, ticketLease, handoffAllowed }
    return { request, created, extraOps: extraOps?.(lease.id, created) ?? [] }
  }

  /** The leases of the holders are renewed at the same time, so that they last for their full ttl. */
  private async grant(from: readonly Snapshot[]): Promise<AttemptEvent> {
    const { engine, keys, within } = this
    const now = engine.clock.now()
    const reads = this.isSingle ? { reads: queueReads } : {}
    const grants = this.targets.map((target, at) => {
      const { request, ...options } = this.joinOf(target, at)
      return grant(from[at]!, request, now, { ...options, ...reads })
    })
    const renewals = this.leases.renewDue(within)
    let event: AttemptEvent
    try {
      const transactions = grants.map(({ transaction }) => transaction)
      const { succeeded, after } = await engine.commitTracked(from, transactions, within)
      event = { kind: 'answered', isGranted: succeeded, snapshots: after }
      if (succeeded) grants.forEach(({ expired }, at) => logExpired(engine.log, keys[at]!, expired))
    } catch (error) {
      event = this.refused(error)
    }
    if (renewals) await renewals
    return event
  }

  /** Of a grant: after a refusal it is known that nothing was applied, and nothing is known when no answer came. @throws StoreError */
  private refused(error: unknown): AttemptEvent {
    if (isStoreError(error, 'lease-not-found')) return REFUSED
    if (!mayBeApplied(error)) this.state = settled(this.state)
    throw error
  }

  private async read(): Promise<AttemptEvent> {
    const { engine, keys, uuid, within } = this
    const snapshots = this.isSingle
      ? [await engine.readQueue(keys[0]!, uuid, within)]
      : await engine.read(keys, within)
    return { kind: 'read', snapshots }
  }

  private async giveUp(): Promise<AttemptEvent> {
    const { isSingle, uuid } = this
    const reads = isSingle ? queueReads : undefined
    return { kind: 'given-up', snapshots: await this.change(snapshot => giveUp(snapshot, uuid, reads)) }
  }

  private async clear(): Promise<AttemptEvent> {
    const { engine, uuid } = this
    const now = engine.clock.now()
    const plan = (snapshot: Snapshot): Transaction | undefined =>
      release(snapshot, uuid, now, { mostSuccessors: 0 })?.transaction
    await this.change(plan).catch((error: unknown) => {
      if (!isStoreError(error, 'lease-not-found')) throw error
    })
    return CLEARED
  }

  /** Commits the plans of all locks that have one, in one transaction. Resolves to what is true after it. */
  private async change(planOf: (snapshot: Snapshot) => Transaction | undefined): Promise<Snapshot[]> {
    const { snapshots } = this.state
    const plans = snapshots.flatMap(snapshot => {
      const transaction = planOf(snapshot)
      return transaction ? [{ snapshot, transaction }] : []
    })
    const before = plans.map(({ snapshot }) => snapshot)
    const transactions = plans.map(({ transaction }) => transaction)
    const { after } = await this.engine.commitTracked(before, transactions, this.within)
    return snapshots.map(snapshot => after[before.indexOf(snapshot)] ?? snapshot)
  }

  /** The lease of the tickets is going to end: they keep their places on another one, since a put over a key keeps its create revision. */
  private async moveTickets(): Promise<AttemptEvent> {
    const { engine, state, within } = this
    const put = (lease: LeaseId) => engine.commit(moveTickets(state.snapshots, state.uuid, lease), within)
    return { kind: 'moved', areMoved: await this.leases.moveTickets(put, within) }
  }
}

function isPause(effect: AttemptEffect): effect is Pause {
  const { kind } = effect
  return kind === 'hold' || kind === 'wait' || kind === 'left' || kind === 'stop'
}

/** Whether a transaction that failed so may have been applied, or may be yet. */
function mayBeApplied(error: unknown): boolean {
  if (isStoreError(error, 'refused')) return !isProvenRefusal(error)
  return isStoreError(error, 'unreachable')
}
