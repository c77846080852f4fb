import type { LeaseId } from '../../kv/key-value.js'
import { decide, decideAll, type Step } from '../../protocol/decide.js'
import { LockUnreadableError } from '../../model/errors.js'
import type { Join } from '../../protocol/compose.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { isProvenRefusal, isStoreError } from '../../store/store-error.js'
import type { StopSignal } from '../../time/abort-signal.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'
import { beginAttempt, next, settled } from './attempt.js'
import { AttemptCalls } from './attempt-calls.js'
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
import { QueueWatcher } from './queue-watcher.js'
import { SetWatcher } from './set-watcher.js'
import type { Waiting, WaitingAttempt } from './waiting.js'

const GO = { kind: 'go' } as const
const LEAVE = { kind: 'leave' } as const

/**
 * Carries out what {@link next} decides for one attempt. A method that rejects may be called again: what the call before it has left in
 * etcd is found out first.
 */
export class AcquireAttempt implements AttemptFacts, WaitingAttempt {
  readonly keys: readonly LockKey[]
  /** All keys, for errors. */
  readonly path: string
  /** Says when to go on with a wait. To be closed at its end. */
  readonly waiting: Waiting
  private state: AttemptState
  private isRenewing = false
  private readonly leases: AttemptLeases
  private readonly calls: AttemptCalls

  /** @param isShown whether somebody is shown the queues. */
  constructor(
    private readonly engine: Engine,
    private readonly targets: readonly LockTarget[],
    readonly mayWait: boolean,
    private readonly stop: StopSignal,
    isShown: boolean,
  ) {
    this.keys = targets.map(({ key }) => key)
    this.path = this.isSingle ? this.keys[0]!.path : this.keys.join(', ')
    const cached = this.keys.map(key => engine.snapshots.get(key))
    this.state = beginAttempt(targets[0]!.terms.uuid, mayWait, cached)
    this.leases = new AttemptLeases(engine.pool, engine.tickets, targets, mayWait)
    this.waiting = this.isSingle
      ? new QueueWatcher(engine, targets[0]!, stop, this, isShown)
      : new SetWatcher(engine, targets, stop, this, isShown)
    const waiter = mayWait ? this.waiting : undefined
    this.calls = new AttemptCalls(engine, this.keys, targets, this.leases, waiter)
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
  keepAlive(): void {
    this.leases.keepAlive(() => this.waiting.look())
  }

  /** What is asked of each lock, where a release may grant all. */
  get joins(): readonly Join[] | undefined {
    return this.calls.joins
  }

  /**
   * Renews what a hand-over that is about to come relies on. The call before it may have ended long ago, and its time with it. Returns whether
   * anything is renewed. What is renewed already is not renewed again: a holder looks whether it was in time.
   */
  renewLeases(): boolean {
    if (this.isRenewing) return false
    const renewals = this.leases.renewDue()
    if (!renewals) return false
    this.isRenewing = true
    void renewals.then(() => (this.isRenewing = false))
    return true
  }

  /** Gives back the leases that are not needed any more: all of them unless everything is held. */
  finish(end: 'hold' | 'left' | undefined): void {
    const { engine, state, targets } = this
    engine.ids.settle(state.uuid)
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
    let effect = this.next(event)
    while (!isPause(effect)) {
      let answer
      try {
        answer = this.calls.perform(effect, this.state.snapshots, within)
        if (answer instanceof Promise) answer = await answer
      } catch (error) {
        if (!mayBeApplied(error)) this.state = settled(this.state)
        throw error
      }
      effect = this.next(answer)
    }
    return effect
  }

  private next(event: AttemptEvent): AttemptEffect {
    const { effect, state } = next(this.state, event, this)
    this.state = state
    return effect
  }
}

function isPause(effect: AttemptEffect): effect is Pause {
  const { kind } = effect
  return kind === 'hold' || kind === 'wait' || kind === 'left' || kind === 'stop'
}

/**
 * Whether a transaction that failed so may have been applied, or may be yet. A fault of whoever is told of an answer comes after it; only
 * what cannot be read is known before anything is sent.
 */
function mayBeApplied(error: unknown): boolean {
  if (isStoreError(error, 'closed') || error instanceof LockUnreadableError) return false
  return !isProvenRefusal(error)
}
