import type { Logger } from 'pino'
import { applyComposition, type Composition, ticketAt } from '../../protocol/compose.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { type Snapshot, withTicket } from '../../protocol/snapshot.js'
import type { CallOptions, Store } from '../../store/store.js'
import { isProvenRefusal, StoreError } from '../../store/store-error.js'
import type { Clock, Timer } from '../../time/clock.js'
import type { Transaction, TransactionResult } from '../../kv/transaction.js'
import { logExpired } from './log-expired.js'
import { LocalQueue, type LocalWaiter } from './local-queue.js'
import { OwnKeysWatch } from './own-keys-watch.js'
import type { SnapshotCache } from './snapshot-cache.js'
import { type Intent, type JoinIntent, MOST_JOINS, nextTurn, type ReleaseIntent, type Turn } from './turn.js'

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
  /** Its time was over before an answer came: nobody waits for what becomes of it. */
  isOver?: boolean
}

/**
 * Makes one transaction at a time of all that this process wants of one lock. What comes while one is under way is composed
 * into the next: releases and new requests of many callers cost one call, and never fail because of each other.
 */
export class Coordinator {
  private readonly waiters = new LocalQueue()
  private line: LineEntry[] = []
  /** What was sent and is not answered. */
  private underWay: Turn<LineEntry> | undefined
  /** Requests that may wait. */
  private requests = 0
  private ride: Timer | undefined
  /** Ends those whose time is over while a transaction is under way. */
  private reaper: Timer | undefined
  /** When it is to look, monotonic. */
  private reaperDueAt = 0
  private watch: OwnKeysWatch | undefined
  private readonly isLocal = (uuid: string): boolean => this.waiters.has(uuid)

  constructor(
    private readonly engine: CoordinatorEngine,
    readonly key: LockKey,
  ) {}

  /** Tells the waiters of this process of their own keys. */
  get ownKeys(): OwnKeysWatch {
    return (this.watch ??= new OwnKeysWatch(this.engine.store, this.key))
  }

  get isIdle(): boolean {
    return !this.underWay && this.line.length === 0 && this.requests === 0
  }

  /** Whether this process waits in the queue already. */
  get hasWaiters(): boolean {
    return this.waiters.size > 0
  }

  /** Takes a holder out of the lock. @throws StoreError, LockUnreadableError */
  release(
    intent: Omit<ReleaseIntent, 'kind'> & { readonly from: Snapshot },
    within: CallOptions,
    onSent?: (turn: Turn<Intent>) => void,
  ): Promise<TurnResult> {
    const { uuid, mostSuccessors, from } = intent
    return new Promise((resolve, reject) =>
      this.submit({ kind: 'release', uuid, mostSuccessors, from, within, onSent, resolve, reject }),
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

  private submit(entry: LineEntry): void {
    this.line.push(entry)
    this.goOn()
    if (this.line.length > 0 || (this.underWay?.taken.length ?? 0) > 1) this.watchTime(entry.within.timeoutMs)
  }

  /** Sends what is in the line, unless it may wait for a ride. */
  private goOn(): void {
    const isUrgent =
      !this.hasWaiters ||
      this.line.length >= MOST_JOINS ||
      this.line.some(each => each.isAlone || each.kind === 'release' || !each.join.request.ticketLease)
    if (isUrgent) this.go()
    else this.ride ??= this.engine.clock.timer(RIDE_MS, () => this.go())
  }

  private go(): void {
    this.ride?.cancel()
    this.ride = undefined
    if (this.underWay) return
    const line = this.line
    if (line.length === 0) return
    try {
      const { engine, key } = this
      const cached = engine.snapshots.get(key)
      const { turn, unseen, left } = nextTurn(line, cached, engine.clock.now(), this.isLocal)
      this.line = left
      for (const { resolve } of unseen) resolve({ kind: 'unseen' })
      if (turn) void this.send(turn)
      else if (this.isIdle) this.end()
    } catch (error) {
      this.line = []
      for (const { reject } of line) reject(error)
      if (this.isIdle) this.end()
    }
  }

  /** Whatever is thrown on the way, each of those that are taken is told, and the others go on. */
  private async send(turn: Turn<LineEntry>): Promise<void> {
    const { engine, waiters } = this
    const { composition, taken } = turn
    this.underWay = turn
    try {
      for (const { onSent } of taken) onSent?.(turn)
      for (const uuid of composition.successors) waiters.get(uuid)?.onHandOver()
      const result = await engine.commit(composition.transaction, { timeoutMs: mostTime(taken) })
      this.onResult(turn, result)
    } catch (error) {
      this.onFailure(turn, error)
    }
    this.underWay = undefined
    if (this.isIdle) this.end()
    else this.goOn()
  }

  private onResult(turn: Turn<LineEntry>, result: TransactionResult): void {
    const { engine, waiters } = this
    const { before, composition, taken } = turn
    const after = applyComposition(before, composition, result)
    engine.snapshots.set(after)
    if (result.succeeded) {
      for (const uuid of composition.successors) waiters.get(uuid)?.onGranted(after)
    }
    for (const each of taken) if (!each.isOver) this.answer(each, turn, result, after)
    this.tellFirst(composition, result)
    if (result.succeeded) logExpired(engine.log, this.key, composition.expired)
  }

  /** What this process has just done tells the first that waits here more than a watch would. */
  private tellFirst({ released, successors }: Composition, { succeeded }: TransactionResult): void {
    const { first } = this.waiters
    if (succeeded && successors.length > 0) first?.onProgress()
    else if (succeeded && released.size > 0) first?.onFreed()
  }

  private end(): void {
    this.reaper?.cancel()
    this.reaper = undefined
  }

  /** Each has its own time, whatever the others have: when that is over, nobody knows whether it is applied. */
  private watchTime(ms = Infinity): void {
    const { clock } = this.engine
    const dueAt = clock.monotonic() + ms
    if (ms === Infinity || (this.reaper && this.reaperDueAt <= dueAt)) return
    this.reaper?.cancel()
    this.reaperDueAt = dueAt
    this.reaper = clock.timer(Math.max(Math.ceil(ms), 1), () => {
      this.reaper = undefined
      const left = [...(this.underWay?.taken ?? []), ...this.line].filter(({ isOver }) => !isOver)
      const late = left.filter(({ within }) => (within.timeoutMs ?? Infinity) <= 0)
      this.line = this.line.filter(each => !late.includes(each))
      for (const each of late) {
        each.isOver = true
        each.reject(new StoreError('unreachable', 'no answer in the time that was left'))
      }
      this.watchTime(
        Math.min(...left.flatMap(each => (each.isOver ? [] : (each.within.timeoutMs ?? Infinity)))),
      )
    })
  }

  private answer(
    each: LineEntry,
    { before, composition }: Turn<LineEntry>,
    { succeeded, revision }: TransactionResult,
    after: Snapshot,
  ): void {
    const isGranted = succeeded && composition.granted.has(each.uuid)
    const mayHaveTicket = each.kind === 'join' && !isGranted
    const ticket = mayHaveTicket ? ticketAt(this.key.ticket(each.uuid), composition, revision) : undefined
    if (ticket && each.waiter) this.waiters.add(each.uuid, each.waiter, revision)
    const seen = ticket ? withTicket(after, each.uuid, ticket) : after
    each.resolve({ kind: 'answered', succeeded, before, composition, after: seen })
  }

  /**
   * Etcd has said that it applied nothing: the fault is that of one, and each is sent again alone. When no answer came, all of it may
   * have been applied, or may be yet.
   */
  private onFailure({ taken }: Turn<LineEntry>, error: unknown): void {
    this.engine.snapshots.delete(this.key)
    if (!isProvenRefusal(error) || taken.length === 1) for (const { reject } of taken) reject(error)
    else this.line.unshift(...taken.filter(({ isOver }) => !isOver).map(each => ({ ...each, isAlone: true })))
  }
}

/** Milliseconds that the most patient of them has. */
function mostTime(entries: readonly LineEntry[]): number {
  let most = 0
  for (const { within } of entries) most = Math.max(most, within.timeoutMs ?? Infinity)
  return most
}
