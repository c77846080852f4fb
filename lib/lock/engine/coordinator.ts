import type { Logger } from 'pino'
import type { Composition } from '../../protocol/compose.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { type Snapshot, withTicket } from '../../protocol/snapshot.js'
import type { CallOptions, Store } from '../../store/store.js'
import { StoreError } from '../../store/store-error.js'
import type { Clock, Timer } from '../../time/clock.js'
import type { Transaction, TransactionResult } from '../../kv/transaction.js'
import { IDLE, next, ticketOf } from './coordination.js'
import {
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorFacts,
  type CoordinatorState,
  entriesOf,
  type Fail,
  type Tell,
} from './coordinator-state.js'
import { logExpired } from './log-expired.js'
import { LocalQueue, type LocalWaiter } from './local-queue.js'
import { OwnKeysWatch } from './own-keys-watch.js'
import { RenewAhead } from './renew-ahead.js'
import { isReadable, type SnapshotCache } from './snapshot-cache.js'
import {
  type Intent,
  hasSuccessor,
  type JoinIntent,
  nextTurn,
  type ReleaseIntent,
  type Sorted,
  type Turn,
} from './turn.js'

const TOLD = { kind: 'told' } as const
const RIDE_OVER = { kind: 'ride-over' } as const
const FREED = { kind: 'freed' } as const
const UNSEEN = { kind: 'unseen' } as const

/**
 * How long a request that would wait behind others of its process keeps its ticket back, milliseconds: it rides with their next
 * release. It would stand behind its own kind anyway.
 */
const RIDE_MS = 20

/** What a coordinator needs of the engine. */
export interface CoordinatorEngine {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly snapshots: SnapshotCache
  commit(transaction: Transaction, within: CallOptions): Promise<TransactionResult>
}

/** What became of an intent. */
export type TurnResult =
  /** Nothing shows that the holder holds: whether it does is to be read. */
  | { readonly kind: 'unseen' }
  | {
      readonly kind: 'answered'
      readonly succeeded: boolean
      /** What it was composed from, and what of. */
      readonly before: Snapshot
      readonly composition: Composition
      /** What is true after it, for the caller: with its own ticket. */
      readonly after: Snapshot
    }

/** An intent, and who is told what became of it. */
type LineEntry = Intent & {
  readonly within: CallOptions
  /** Attends to the queue once the join has taken a ticket. */
  readonly waiter?: LocalWaiter | undefined
  /** Told what it becomes part of, before that is sent. */
  readonly onSent?: ((turn: Turn<Intent>) => void) | undefined
  readonly resolve: (result: TurnResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes one transaction at a time of all that this process wants of one lock. What comes while one is under way is composed
 * into the next: releases and new requests of many callers cost one call, and never fail because of each other.
 *
 * What it does next is decided by {@link next}; it carries that out.
 */
export class Coordinator implements CoordinatorFacts<LineEntry> {
  private state: CoordinatorState<LineEntry> = IDLE
  private readonly waiters = new LocalQueue()
  private readonly renewAhead = new RenewAhead()
  /** Requests that may wait. */
  private requests = 0
  private ride: Timer | undefined
  /** Ends those whose time is over before they are answered. */
  private reaper: Timer | undefined
  /** When it is to look, monotonic. */
  private reaperDueAt = 0
  private watch: OwnKeysWatch | undefined
  /** The last hand-over has failed: the lease of a waiter may be over. */
  private isDoubtful = false
  /** Whether this process waits in the queue under this id. */
  readonly isLocal = (uuid: string): boolean => this.waiters.has(uuid)

  constructor(
    private readonly engine: CoordinatorEngine,
    readonly key: LockKey,
  ) {}

  /** Tells the waiters of this process of their own keys. */
  get ownKeys(): OwnKeysWatch {
    return (this.watch ??= new OwnKeysWatch(this.engine.store, this.key))
  }

  get isIdle(): boolean {
    return this.state.kind === 'idle' && this.requests === 0
  }

  /** Whether this process waits in the queue already. */
  get hasWaiters(): boolean {
    return this.waiters.size > 0
  }

  nextTurn(line: readonly LineEntry[], handsOver: boolean): Sorted<LineEntry> {
    const { clock, snapshots } = this.engine
    return nextTurn(line, snapshots.get(this.key), clock.now(), this.isLocal, handsOver, this.waiters.size)
  }

  hasSuccessor(after: Snapshot): boolean {
    return isReadable(after) && hasSuccessor(after, this.engine.clock.now())
  }

  /** Takes a holder out of the lock. @throws StoreError, LockUnreadableError */
  release(
    intent: Omit<ReleaseIntent, 'kind'> & Pick<Intent, 'from' | 'isAlone'>,
    within: CallOptions,
    onSent?: (turn: Turn<Intent>) => void,
  ): Promise<TurnResult> {
    return new Promise((resolve, reject) =>
      this.submit({ kind: 'release', ...intent, within, onSent, resolve, reject }),
    )
  }

  /** Takes the lock, or a ticket. @throws StoreError, LockUnreadableError */
  join(
    intent: Omit<JoinIntent, 'kind'> & { readonly from: Snapshot },
    within: CallOptions,
    waiter: LocalWaiter | undefined,
  ): Promise<TurnResult> {
    const { uuid, join, from } = intent
    return new Promise((resolve, reject) =>
      this.submit({ kind: 'join', uuid, join, from, within, waiter, resolve, reject }),
    )
  }

  /** A request begins, which may wait: the coordinator stays until it {@link leave}s. */
  enter(): void {
    this.requests++
  }

  leave(uuid: string): void {
    this.requests--
    this.waiters.delete(uuid)
    if (this.isIdle) this.end()
  }

  /** A ticket of this waiter stands, which it has found by itself. */
  attend(uuid: string, waiter: LocalWaiter, revision: bigint): void {
    this.waiters.add(uuid, waiter, revision)
  }

  /**
   * Hands the lock, which is free for the first that waits, to all that fit. Returns whether this waiter is among them. It is not when a
   * hand-over has failed just now, or something else is under way.
   */
  handTo(uuid: string): boolean {
    if (!this.isDoubtful) this.dispatch(FREED)
    const { state } = this
    return state.kind === 'sent' && state.turn.composition.successors.includes(uuid)
  }

  private submit(entry: LineEntry): void {
    this.dispatch({ kind: 'wanted', entry })
    const { state } = this
    if (state.kind === 'idle') return
    // The time of a turn of one is that of its call.
    if (state.line.length > 0 || (state.kind === 'sent' && state.turn.taken.length > 1))
      this.watchTime(entry.within.timeoutMs)
  }

  private dispatch(event: CoordinatorEvent<LineEntry>): void {
    const { state, effect } = next(this.state, event, this)
    this.state = state
    this.perform(effect)
    if (this.isIdle) this.end()
  }

  private perform(effect: CoordinatorEffect<LineEntry>): void {
    switch (effect.kind) {
      case 'none':
        return
      case 'ride':
        this.ride ??= this.engine.clock.timer(RIDE_MS, () => this.onRideOver())
        return
      case 'unseen':
        for (const { resolve } of effect.unseen) resolve(UNSEEN)
        return
      case 'send':
        this.endRide()
        for (const { resolve } of effect.unseen) resolve(UNSEEN)
        return void this.send(effect.turn)
      case 'tell':
        this.tell(effect)
        return this.dispatch(TOLD)
      case 'fail':
        this.fail(effect)
        return this.dispatch(TOLD)
      case 'give-up': {
        const error = new StoreError('unreachable', 'no answer in the time that was left')
        for (const { reject } of effect.entries) reject(error)
      }
    }
  }

  private onRideOver(): void {
    this.endRide()
    this.dispatch(RIDE_OVER)
  }

  private endRide(): void {
    this.ride?.cancel()
    this.ride = undefined
  }

  /** Whatever is thrown on the way, each of those that are taken is told, and the others go on. */
  private async send(turn: Turn<LineEntry>): Promise<void> {
    const { composition, taken } = turn
    const isHandOver = composition.successors.length > 0
    try {
      for (const { onSent } of taken) onSent?.(turn)
      this.prepare(composition.successors)
      const result = await this.engine.commit(composition.transaction, { timeoutMs: mostTime(taken) })
      if (isHandOver && result.succeeded) this.isDoubtful = false
      this.dispatch({ kind: 'answer', result })
    } catch (error) {
      if (isHandOver) this.isDoubtful = true
      this.dispatch({ kind: 'failure', error })
    }
  }

  /** The leases of those that are handed the lock are to be fresh, and soon those of the next. */
  private prepare(successors: readonly string[]): void {
    const { renewAhead, waiters } = this
    for (const uuid of successors) {
      const waiter = waiters.get(uuid)
      if (!waiter) continue
      const ahead = renewAhead.handOver(waiter.onHandOver())
      if (ahead > 0) for (const next of waiters.behind(uuid, ahead)) next.onHandOver()
    }
  }

  private tell(news: Tell<LineEntry>): void {
    const { engine, key, waiters } = this
    const { after, first, handedTo, members, result, turn } = news
    try {
      engine.snapshots.set(after)
      for (const uuid of handedTo) waiters.get(uuid)?.onGranted(after)
      for (const each of members) this.answer(each, news)
      if (first === 'progress') waiters.first?.onProgress()
      else if (first === 'freed') waiters.first?.onFreed()
      if (result.succeeded) logExpired(engine.log, key, turn.composition.expired)
    } catch (error) {
      this.fail({ kind: 'fail', entries: members, error })
    }
  }

  private answer(each: LineEntry, news: Tell<LineEntry>): void {
    const { after, result, turn } = news
    const { before, composition } = turn
    const ticket = ticketOf(each, news)
    if (ticket && each.kind === 'join' && each.waiter)
      this.waiters.add(each.uuid, each.waiter, result.revision)
    const seen = ticket ? withTicket(after, each.uuid, ticket) : after
    each.resolve({ kind: 'answered', succeeded: result.succeeded, before, composition, after: seen })
  }

  private fail({ entries, error, isLeft }: Fail<LineEntry>): void {
    // By what was seen so far it is the first that waits, and may have the lock: that is forgotten next.
    if (isLeft) this.waiters.first?.onFreed()
    this.engine.snapshots.delete(this.key)
    for (const { reject } of entries) reject(error)
  }

  private end(): void {
    this.reaper?.cancel()
    this.reaper = undefined
    this.isDoubtful = false
  }

  /** Each has its own time, whatever the others have: when that is over, nobody knows whether it is applied. */
  private watchTime(ms = Infinity): void {
    const { clock } = this.engine
    const dueAt = clock.monotonic() + ms
    if (ms === Infinity || (this.reaper && this.reaperDueAt <= dueAt)) return
    this.reaper?.cancel()
    this.reaperDueAt = dueAt
    this.reaper = clock.timer(Math.max(Math.ceil(ms), 1), () => this.reap())
  }

  private reap(): void {
    this.reaper = undefined
    const late: LineEntry[] = []
    let least = Infinity
    for (const each of entriesOf(this.state)) {
      const left = each.within.timeoutMs ?? Infinity
      if (left <= 0) late.push(each)
      else least = Math.min(least, left)
    }
    this.watchTime(least)
    if (late.length > 0) this.dispatch({ kind: 'late', entries: late })
  }
}

/** Milliseconds that the most patient of them has; no limit for a hand-over, for which nobody waits. */
function mostTime(entries: readonly LineEntry[]): number {
  if (entries.length === 0) return Infinity
  let most = 0
  for (const { within } of entries) most = Math.max(most, within.timeoutMs ?? Infinity)
  return most
}
