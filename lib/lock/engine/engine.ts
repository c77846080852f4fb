import type { Logger } from 'pino'
import { LockError } from '../../model/errors.js'
import { combine, split } from '../../protocol/combine.js'
import { MOST_READ, queueReads } from '../../protocol/queue.js'
import type { KeyRange, KeyValue } from '../../kv/key-value.js'
import { type LockKey, mayBeOf } from '../../protocol/lock-key.js'
import {
  readSnapshot,
  applyResult,
  type Snapshot,
  snapshotReads,
  withQueueOf,
  withTicket,
} from '../../protocol/snapshot.js'
import { scopeOf } from '../../protocol/scope.js'
import { type OpResult, readsOf, type Transaction, type TransactionResult } from '../../kv/transaction.js'
import type { CallOptions, Store } from '../../store/store.js'
import { heard } from './heard.js'
import type { StopSignal } from '../../time/abort-signal.js'
import { atMost } from '../../time/at-most.js'
import { Budget } from '../../time/budget.js'
import type { LockIds } from '../../model/lock-ids.js'
import type { Clock } from '../../time/clock.js'
import { Coordinator } from './coordinator.js'
import { QueueReads } from './queue-reads.js'
import { SnapshotCache } from './snapshot-cache.js'
import { Holdings } from './holdings.js'
import { MarkersWatch } from './markers-watch.js'
import type { Host } from './host.js'
import { type Rider, RidingSets } from './riding-sets.js'
import { WaitingSets } from './waiting-sets.js'
import { LeasePool } from '../leases/lease-pool.js'
import { TicketLeases } from '../leases/ticket-leases.js'
import { retry } from '../../store/retry.js'
import type { WaitDeadline } from '../../time/wait-deadline.js'

/** Two minutes: Spicerack's budget for getting a write through. */
const WRITE_BUDGET_MS = 120_000
/** An etcd that has never answered is more likely wrongly configured than restarting. */
const FIRST_CONTACT_MS = 5_000
/** How many coordinators make it worth looking which of them have nothing to do. */
const SWEEP_FROM = 1_000
/** How long closing waits for the waiters to leave their queues, milliseconds. */
const CLOSE_MS = 2_000

/** What all operations of one process on one etcd share: the store, its clock, leases, holdings, what was seen last, and retries. */
export class Engine {
  readonly store: Store
  readonly clock: Clock
  readonly ids: LockIds
  readonly pool: LeasePool
  readonly tickets: TicketLeases
  readonly sets = new WaitingSets()
  readonly ridingSets: RidingSets
  readonly markers: MarkersWatch
  readonly snapshots = new SnapshotCache(path => this.sets.changed(path))
  /** What waiters read of their queues. */
  readonly queueReads = new QueueReads(async (key, uuids, within) => {
    const { seenBy, snapshot } = await this.readQueueFor(key, uuids, within)
    return [...seenBy, snapshot]
  })
  readonly holdings: Holdings
  /** The monitors of what is held. */
  readonly monitors = new Set<Dependant>()
  /** The acquisitions under way, and the promises of their ends. */
  readonly waits = new Map<WaitDeadline, Promise<unknown>>()
  readonly feeds = new Set<Dependant>()
  /** Is told how many seconds each transaction has taken. */
  onCommit: ((seconds: number, outcome: 'answered' | 'failed') => void) | undefined
  private readonly coordinators = new Map<string, Coordinator>()
  private sweepAt = SWEEP_FROM
  /** When etcd answered last, monotonic. */
  private answeredAt: number | undefined
  private readonly usualMs = (): number =>
    this.answeredAt === undefined ? FIRST_CONTACT_MS : WRITE_BUDGET_MS

  constructor(
    store: Store,
    { clock, ids }: Host,
    readonly log: Logger,
  ) {
    this.clock = clock
    this.ids = ids
    this.store = heard(store, () => (this.answeredAt = clock.monotonic()))
    this.markers = new MarkersWatch(this.store)
    this.pool = new LeasePool(this.store.leases, clock, log)
    this.tickets = new TicketLeases(this.pool, clock)
    this.holdings = new Holdings(clock, ids)
    this.ridingSets = new RidingSets(clock)
  }

  /** One attempt. @throws StoreError */
  commit(transaction: Transaction, within?: CallOptions): Promise<TransactionResult> {
    const { clock, onCommit } = this
    if (!onCommit) return this.store.commit(transaction, within)
    const start = clock.monotonic()
    const answer = this.store.commit(transaction, within)
    const tell = (outcome: 'answered' | 'failed'): void =>
      onCommit((clock.monotonic() - start) / 1000, outcome)
    answer.then(
      () => tell('answered'),
      () => tell('failed'),
    )
    return answer
  }

  /**
   * One attempt at transactions, all of them or none. Each is made from the snapshot in `before` that has its index;
   * the rest depends on none. Resolves to what is true after it, and to the results of the rest.
   * @param riders sets that join their queues in it, whether it succeeds or fails. They are told.
   * @throws StoreError
   */
  async commitTracked(
    before: readonly Snapshot[],
    transactions: readonly Transaction[],
    within?: CallOptions,
    riders: readonly Rider[] = [],
  ): Promise<{ succeeded: boolean; after: Snapshot[]; rest: TransactionResult[] }> {
    const keys = before.map(({ key }) => key)
    const all = [...transactions, ...riders.flatMap(rider => rider.transactions)]
    let result: TransactionResult
    let results: readonly TransactionResult[]
    try {
      // Those of several locks go by themselves: most of them have a lock in common, and would wait for each other's answers.
      const scope = keys.length > 1 ? undefined : scopeOf(keys, transactions)
      result = await this.commit(combine(all, scope), within)
      results = split(all, result)
    } catch (error) {
      for (const key of [...keys, ...riders.flatMap(rider => rider.keys)]) this.snapshots.delete(key)
      for (const rider of riders) rider.fail(error)
      throw error
    }
    try {
      const after = before.map((snapshot, at) =>
        applyResult(
          withQueueOf(this.snapshots.get(snapshot.key), snapshot, result.revision),
          transactions[at]!,
          results[at]!,
        ),
      )
      for (const snapshot of after) this.snapshots.set(snapshot)
      return { succeeded: result.succeeded, after, rest: results.slice(before.length, transactions.length) }
    } finally {
      let at = transactions.length
      // At once: an answer that is here already, to what was applied later, would be taken for the younger that knows everything.
      for (const rider of riders) {
        const own = results.slice(at, (at += rider.keys.length))
        rider.arrive(() => this.noted(rider.keys, own))
      }
    }
  }

  /** Whether this process holds the lock under this id, or waits for it. */
  isOurs(key: LockKey, uuid: string): boolean {
    return (
      this.holdings.isKnown(key, uuid) ||
      this.sets.has(uuid) ||
      this.coordinators.get(key.path)?.isLocal(uuid) === true
    )
  }

  /** Whether a set that asks for these locks would stand behind one of this process, and may join with the release of that. */
  mayRide(keys: readonly LockKey[]): boolean {
    const { ridingSets, sets, snapshots } = this
    if (sets.size === 0 || !ridingSets.hasRoomFor(keys)) return false
    const isWaitedFor = (key: LockKey): boolean =>
      [...snapshots.get(key).tickets.keys()].some(uuid => sets.has(uuid))
    return keys.some(isWaitedFor) || ridingSets.isWanted(keys)
  }

  /** The truth, linearizably, of one revision. One attempt. @throws StoreError */
  async read(keys: readonly LockKey[], within?: CallOptions): Promise<Snapshot[]> {
    const reads = keys.map(key => readsOf(...snapshotReads(key)))
    const results = split(reads, await this.commit(combine(reads, scopeOf(keys, reads)), within))
    return this.noted(keys, results)
  }

  /** As {@link read}, and what stands at another key. */
  async readBeside(
    keys: readonly LockKey[],
    path: string,
    within?: CallOptions,
  ): Promise<{ snapshots: Snapshot[]; kv: KeyValue | undefined }> {
    const reads = [...keys.map(key => readsOf(...snapshotReads(key))), readsOf({ key: path })]
    const results = split(reads, await this.commit(combine(reads, scopeOf(keys, reads)), within))
    return { snapshots: this.noted(keys, results), kv: results.at(-1)!.results[0]![0] }
  }

  /** What stands at these keys, which all belong to these locks, of one revision. One attempt. @throws StoreError */
  async find(
    of: readonly LockKey[],
    ranges: readonly KeyRange[],
    within?: CallOptions,
  ): Promise<readonly OpResult[]> {
    const scope = scopeOf(of, [])
    return (await this.commit({ ...readsOf(...ranges), scope }, within)).results
  }

  /** As {@link read}, of one lock. */
  async readOne(key: LockKey, within?: CallOptions): Promise<Snapshot> {
    const [snapshot] = await this.read([key], within)
    return snapshot!
  }

  /**
   * The truth about one lock, of whose queue it reads the beginning, and whether a ticket of this id stands anywhere in it. One
   * attempt. @throws StoreError
   */
  async readQueue(key: LockKey, uuid?: string, within?: CallOptions): Promise<Snapshot> {
    const { snapshot, seenBy } = await this.readQueueFor(key, uuid === undefined ? [] : [uuid], within)
    return seenBy[0] ?? snapshot
  }

  /** As {@link readQueue}, and what it is for each of these ids. */
  private async readQueueFor(
    key: LockKey,
    uuids: readonly string[],
    within?: CallOptions,
  ): Promise<{ snapshot: Snapshot; seenBy: Snapshot[] }> {
    const own = uuids.map(uuid => ({ key: key.ticket(uuid) }))
    const reads = { ...readsOf(...own, ...queueReads(key)), scope: scopeOf([key], []) }
    const result = await this.commit(reads, within)
    const snapshot = readSnapshot(key, result, MOST_READ)
    this.snapshots.set(snapshot)
    const seenBy = uuids.map((uuid, at) => {
      const ticket = result.results[at]![0]
      return ticket && mayBeOf(ticket, uuid) ? withTicket(snapshot, uuid, ticket) : snapshot
    })
    return { snapshot, seenBy }
  }

  /** Through it goes what this process wants of one lock. */
  coordinator(key: LockKey): Coordinator {
    const known = this.coordinators.get(key.path)
    if (known) return known
    if (this.coordinators.size >= this.sweepAt) this.sweep()
    const coordinator = new Coordinator(this, key)
    this.coordinators.set(key.path, coordinator)
    return coordinator
  }

  /** Drops the coordinators that have nothing to do. */
  private sweep(): void {
    for (const [path, { isIdle }] of this.coordinators) if (isIdle) this.coordinators.delete(path)
    this.sweepAt = Math.max(SWEEP_FROM, 2 * this.coordinators.size)
  }

  /** The time of an operation that begins now: so many milliseconds, or two minutes (a few seconds before etcd has answered). */
  budget(ms?: number): Budget {
    return new Budget(this.clock, ms === undefined ? this.usualMs : () => ms)
  }

  /** Whether etcd has answered anything in so many milliseconds before now. */
  hasAnsweredWithin(ms: number): boolean {
    return this.answeredAt !== undefined && this.clock.monotonic() - this.answeredAt <= ms
  }

  /**
   * Repeats `work` while etcd cannot be reached, with growing pauses, for as long as the budget lasts.
   * `work` must keep to the budget, and must first find out whether a failed attempt was applied.
   * @throws EtcdLockUnavailableError when the time is over, LockError when etcd refuses.
   */
  retry<T>(
    key: { readonly path: string },
    work: (within: Budget) => Promise<T>,
    { signal, budget = this.budget() }: RetryOptions = {},
  ): Promise<T> {
    return retry(work, { key, budget, signal })
  }

  private noted(keys: readonly LockKey[], results: readonly TransactionResult[]): Snapshot[] {
    const snapshots = keys.map((key, at) => readSnapshot(key, results[at]!))
    for (const snapshot of snapshots) this.snapshots.set(snapshot)
    return snapshots
  }

  /**
   * Ends the waits, whose callers get a LockError, the care for what is held, the feeds, and the connection; also when etcd
   * does not answer, in a few seconds.
   */
  async close(): Promise<void> {
    for (const stop of this.waits.keys()) stop.abort(new LockError('The lock was closed during the wait.'))
    this.ridingSets.close()
    await atMost(this.clock, CLOSE_MS, this.waits.values())
    for (const dependant of [...this.monitors, ...this.feeds]) dependant.close()
    this.holdings.close()
    this.tickets.close()
    await this.pool.close()
    await this.store.close()
  }
}

/** Is closed together with the engine. */
export interface Dependant {
  close(): void
}

interface RetryOptions {
  readonly signal?: StopSignal | undefined
  readonly budget?: Budget | undefined
}
