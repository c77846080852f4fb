import type { LeaseId } from '../../kv/key-value.js'
import type { Transaction } from '../../kv/transaction.js'
import type { Join } from '../../protocol/compose.js'
import { giveUp } from '../../protocol/give-up.js'
import { grant } from '../../protocol/grant.js'
import { mayBeHandedOver } from '../../protocol/hand-over.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { moveTickets } from '../../protocol/move-tickets.js'
import { sweep } from '../../protocol/orphans.js'
import { queueReads } from '../../protocol/queue.js'
import { release } from '../../protocol/release.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { isStoreError } from '../../store/store-error.js'
import type { TurnResult } from '../engine/coordinator.js'
import type { Engine } from '../engine/engine.js'
import { logExpired } from '../engine/log-expired.js'
import type { LockTarget } from '../options/lock-target.js'
import { checkDismissal } from '../release/force-release-marker.js'
import type { AttemptLeases } from './attempt-leases.js'
import type { AttemptEffect, AttemptEvent, Pause } from './attempt-state.js'
import type { Waiting } from './waiting.js'

const GO = { kind: 'go' } as const
const CLEARED = { kind: 'cleared' } as const
const REFUSED = { kind: 'refused' } as const
const REVOKED = { kind: 'revoked' } as const
const UNMARKED = { kind: 'unmarked' } as const

/** Makes the calls of one attempt. */
export class AttemptCalls {
  private readonly uuid: string
  private readonly isSingle: boolean

  constructor(
    private readonly engine: Engine,
    private readonly keys: readonly LockKey[],
    private readonly targets: readonly LockTarget[],
    private readonly leases: AttemptLeases,
    /** Undefined where it does not wait. */
    private readonly waiter: Waiting | undefined,
  ) {
    this.uuid = targets[0]!.terms.uuid
    this.isSingle = targets.length === 1
  }

  /** @throws StoreError, LockDismissedError, LockUnreadableError */
  perform(
    effect: Exclude<AttemptEffect, Pause>,
    snapshots: readonly Snapshot[],
    within: CallOptions,
  ): AttemptEvent | Promise<AttemptEvent> {
    const { leases } = this
    switch (effect.kind) {
      case 'borrow':
        return leases.borrowIdle() ? GO : leases.borrow(within).then(() => GO)
      case 'join':
        return this.join(effect.from, within)
      case 'grant':
        return this.grant(effect.from, within)
      case 'give-up':
        return this.giveUp(snapshots, within)
      case 'read':
        return this.read(within)
      case 'find-marker':
        return checkDismissal(this.engine, this.keys, this.uuid, within).then(() => UNMARKED)
      case 'move-tickets':
        return this.moveTickets(snapshots, within)
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
        return this.clear(snapshots, within)
      case 'drop-leases':
        leases.discardHolders()
        if (effect.doubtsTicket) leases.doubtTicket()
        return GO
    }
  }

  private join(from: Snapshot, within: CallOptions): Promise<AttemptEvent> {
    const { engine, uuid, waiter } = this
    const [target] = this.targets as readonly [LockTarget]
    const join = this.joinOf(target, 0)
    const renewals = this.leases.renewDue(within)
    waiter?.prepare()
    const answer = engine
      .coordinator(target.key)
      .join({ uuid, join, from }, within, waiter?.local)
      .then(result => answered(result, uuid), refusedBy)
    return renewals ? answer.then(event => renewals.then(() => event)) : answer
  }

  /** What is asked of each lock, where a release may grant all; undefined otherwise. */
  get joins(): readonly Join[] | undefined {
    const { leases, targets } = this
    if (!leases.areComplete) return undefined
    const mayBeGranted = targets.every(({ terms, extraOps }) => mayBeHandedOver(terms.ttl) && !extraOps)
    return mayBeGranted ? targets.map((target, at) => this.joinOf(target, at)) : undefined
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
  private async grant(from: readonly Snapshot[], within: CallOptions): Promise<AttemptEvent> {
    const { engine, keys } = this
    const now = engine.clock.now()
    const reads = this.isSingle ? { reads: queueReads } : {}
    const grants = this.targets.map((target, at) => {
      const { request, ...options } = this.joinOf(target, at)
      return grant(from[at]!, request, now, { ...options, ...reads })
    })
    const renewals = this.leases.renewDue(within)
    const isWaiting = from.some(({ tickets }) => tickets.has(this.uuid))
    if (!isWaiting) this.waiter?.prepare()
    let event: AttemptEvent
    try {
      const transactions = grants.map(({ transaction }) => transaction)
      const mayJoin = !isWaiting && this.waiter !== undefined
      const seen = mayJoin && engine.mayRide(keys) ? await this.ride(transactions) : undefined
      if (seen) return { kind: 'answered', isGranted: false, snapshots: seen }
      const sweeps = sweep(from, transactions)
      const answer = engine.commitTracked(from, sweeps ?? transactions, within)
      const { succeeded, after } = await (mayJoin ? engine.sets.joining(keys, answer) : answer)
      const isGranted = succeeded && !sweeps
      event = { kind: 'answered', isGranted, snapshots: after }
      if (isGranted) grants.forEach(({ expired }, at) => logExpired(engine.log, keys[at]!, expired))
    } catch (error) {
      event = refusedBy(error)
    }
    if (renewals) await renewals
    return event
  }

  /**
   * Joins the queues together with a release of this process: it has to wait for others of it anyway. Resolves to what is true then;
   * to undefined when no release came, or etcd has applied nothing. @throws StoreError
   */
  private ride(grants: readonly Transaction[]): Promise<readonly Snapshot[] | undefined> {
    const joins = grants.map(({ failure }) => ({ compare: [], success: failure, failure }))
    return this.engine.ridingSets.wait(this.keys, joins).answer
  }

  private async read(within: CallOptions): Promise<AttemptEvent> {
    const { engine, keys, uuid } = this
    const snapshots = this.isSingle
      ? [await engine.readQueue(keys[0]!, uuid, within)]
      : await engine.read(keys, within)
    return { kind: 'read', snapshots }
  }

  private async giveUp(snapshots: readonly Snapshot[], within: CallOptions): Promise<AttemptEvent> {
    const { isSingle, uuid } = this
    const reads = isSingle ? queueReads : undefined
    const after = await this.change(snapshots, snapshot => giveUp(snapshot, uuid, reads), within)
    return { kind: 'given-up', snapshots: after }
  }

  private async clear(snapshots: readonly Snapshot[], within: CallOptions): Promise<AttemptEvent> {
    const { engine, uuid } = this
    const now = engine.clock.now()
    const plan = (snapshot: Snapshot): Transaction | undefined =>
      release(snapshot, uuid, now, { mostSuccessors: 0, readsQueue: this.isSingle })?.transaction
    await this.change(snapshots, plan, within).catch((error: unknown) => {
      if (!isStoreError(error, 'lease-not-found')) throw error
    })
    return CLEARED
  }

  /** Commits the plans of all locks that have one, in one transaction. Resolves to what is true after it. */
  private async change(
    snapshots: readonly Snapshot[],
    planOf: (snapshot: Snapshot) => Transaction | undefined,
    within: CallOptions,
  ): Promise<Snapshot[]> {
    const plans = snapshots.flatMap(snapshot => {
      const transaction = planOf(snapshot)
      return transaction ? [{ snapshot, transaction }] : []
    })
    const before = plans.map(({ snapshot }) => snapshot)
    const transactions = plans.map(({ transaction }) => transaction)
    const { after } = await this.engine.commitTracked(before, transactions, within)
    return snapshots.map(snapshot => after[before.indexOf(snapshot)] ?? snapshot)
  }

  /**
   * The lease of the tickets is going to end: they keep their places on another one, since a put over a key keeps its create revision.
   * Where they are seen there, a move without an answer was applied.
   */
  private async moveTickets(snapshots: readonly Snapshot[], within: CallOptions): Promise<AttemptEvent> {
    const { engine, uuid } = this
    const put = async (lease: LeaseId): Promise<{ readonly succeeded: boolean }> => {
      const isThere = snapshots.every(({ tickets }) => (tickets.get(uuid)?.lease ?? lease) === lease)
      return isThere ? { succeeded: true } : engine.commit(moveTickets(snapshots, uuid, lease), within)
    }
    return { kind: 'moved', areMoved: await this.leases.moveTickets(put, within) }
  }
}

function answered(result: TurnResult, uuid: string): AttemptEvent {
  if (result.kind === 'unseen') return GO
  const isGranted = result.succeeded && result.composition.granted.includes(uuid)
  return { kind: 'answered', isGranted, snapshots: [result.after] }
}

/** Etcd says that it has applied nothing, for want of a lease. @throws whatever else it was */
function refusedBy(error: unknown): AttemptEvent {
  if (isStoreError(error, 'lease-not-found')) return REFUSED
  throw error
}
