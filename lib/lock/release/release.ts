import type { KeyValue, LeaseId } from '../../kv/key-value.js'
import { type Op, putIn, readsOf, type Transaction, unconditionally } from '../../kv/transaction.js'
import type { ConcurrentLock } from '../../model/concurrent-lock.js'
import { EtcdLockUnavailableError } from '../../model/errors.js'
import type { Composition } from '../../protocol/compose.js'
import { LockKey } from '../../protocol/lock-key.js'
import { successorsOfEach } from '../../protocol/lock-set.js'
import { hasRecord } from '../../protocol/record.js'
import { handOverSets, type Left } from '../../protocol/set-hand-over.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import { asStoreError, isOutOfSpace, isProvenRefusal, StoreError } from '../../store/store-error.js'
import type { CallOptions } from '../../store/store.js'
import { atMost } from '../../time/at-most.js'
import type { Budget } from '../../time/budget.js'
import type { TurnResult } from '../engine/coordinator.js'
import type { Engine } from '../engine/engine.js'
import type { Rider } from '../engine/riding-sets.js'
import type { Intent, Turn } from '../engine/turn.js'
import type { Holding } from '../engine/holdings.js'
import { checkId } from '../options/check-arguments.js'
import { logExpired } from '../engine/log-expired.js'
import {
  afterAnswer,
  isRefusedForGood,
  isReusable,
  nextStep,
  type PlannedRelease,
  planReleases,
  type ReleaseView,
} from './release-plan.js'

/** Each time that it was wrong, etcd has told more. */
const MOST_TURNS_OF_SETS = 2
/** How long a release waits for others at most, milliseconds. */
const FOLLOW_MS = 20

export interface ReleaseOptions {
  /** The time that it may take; that of any write when not given. */
  readonly budget?: Budget
  /** To be written in the same transaction. */
  readonly extraOps?: readonly Op[]
  /** A key that belongs to none of the locks: read in the same transaction, as it was before it. */
  readonly beside?: KeyBeside
  /** Whether the holdings stay as they are when etcd cannot be reached, since the caller will repeat it. Otherwise their leases are revoked. */
  readonly mayBeRepeated?: boolean
  /**
   * Whether the lease of what is released is revoked, though another process was granted it. A handle must not lose its lease so: by that it
   * tells a release from the end of its lease. After a lost answer the lease is left to its end, since it may serve another lock:
   *
   *     our release is lost · the holder releases it, and takes another lock on its lease · we read that nothing is held
   */
  readonly endsLeases?: boolean
  /** Only holdings on a lease for which this is true are released; all when not given. */
  readonly isOurs?: (lease: LeaseId) => boolean
  /** Called when an answer was lost and nothing is held afterwards: did our release do it? Taken as yes when not given. */
  readonly wasApplied?: (within: CallOptions) => Promise<boolean>
}

export interface KeyBeside {
  readonly key: string
  /** Is told what the release has found there; not called when its answer was lost. */
  readonly onRead: (kv: KeyValue | undefined) => void
}

/**
 * Takes a holder out of locks, all of them in one transaction where etcd takes that, by its id alone, and hands them over to the first that wait.
 * Resolves to the entries that were released: to none when nothing is held under this id (any more). When an answer was lost and
 * nothing is held afterwards, it resolves to what was sent, though another process may have released it, unless `wasApplied` tells.
 * @throws InvalidLockError for a bad id, EtcdLockUnavailableError, LockUnreadableError, LockError.
 */
export async function releaseById(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  options: ReleaseOptions = {},
): Promise<ConcurrentLock[]> {
  checkId(uuid)
  const { budget = engine.budget(), mayBeRepeated = false, endsLeases = false } = options
  const lent = keys.map(key => engine.holdings.lend(key, uuid))
  const attempt = new ReleaseAttempt(engine, keys, uuid, options)
  let confirmed: readonly PlannedRelease[] = []
  let isKept = false
  try {
    const released = await engine.retry(attempt, within => attempt.advance(within), { budget })
    if (!attempt.isUnanswered) confirmed = released
    return released.flatMap(({ plan }) => plan.released ?? [])
  } catch (error) {
    isKept = mayBeRepeated && error instanceof EtcdLockUnavailableError
    throw error
  } finally {
    for (const { snapshot } of confirmed) {
      const { key, holders } = snapshot
      // Also what another Lock of this process took: it knows nothing of this release, and the key is free.
      engine.ids.free(key.path, uuid)
      const own = lent.find(holding => holding?.key.path === key.path)
      const last = holders.get(uuid)?.lease
      if (last !== undefined && last !== own?.lease.id && (own ?? endsLeases))
        engine.pool.discard({ id: last })
    }
    for (const holding of lent)
      if (holding && !engine.holdings.settle(holding, isKept)) returnLease(engine, holding, confirmed)
  }
}

class ReleaseAttempt {
  private view: ReleaseView
  /** What was sent last of which no answer came: it may have been applied, or may be yet. */
  private unanswered: readonly PlannedRelease[] | undefined
  /** What etcd has released: not all at once where it takes no request of that size. */
  private readonly released: PlannedRelease[] = []
  /** How often it may still try to grant to waiting sets. */
  private turnsOfSets = MOST_TURNS_OF_SETS
  /** It travels with nothing else: etcd is full. */
  private isAlone = false

  constructor(
    private readonly engine: Engine,
    private readonly keys: readonly LockKey[],
    private readonly uuid: string,
    private readonly options: ReleaseOptions,
  ) {
    const snapshots = keys.map(key => engine.snapshots.get(key))
    this.view = { snapshots, source: 'cache', mostSuccessors: successorsOfEach(keys.length) }
  }

  /** All keys, for errors. */
  get path(): string {
    return this.keys.join(', ')
  }

  get isUnanswered(): boolean {
    return this.unanswered !== undefined
  }

  /** Resolves to what was released. @throws StoreError, LockUnreadableError */
  advance(within: CallOptions): Promise<readonly PlannedRelease[]> {
    return this.isPlain ? this.advanceTogether(within) : this.advanceAlone(within)
  }

  private async advanceAlone(within: CallOptions): Promise<readonly PlannedRelease[]> {
    if (this.unanswered) await this.read(within)
    else {
      const others = this.engine.sets.releasesBeside(this.view.snapshots)
      if (others.length > 0) await this.follow(others)
    }
    for (;;) {
      const planned = this.planned
      const step = nextStep(this.view, planned.length)
      if (step === 'stop') return this.appliedUnanswered(within)
      if (step === 'read') await this.read(within)
      else if (await this.send(planned, within)) this.released.push(...planned)
    }
  }

  /** In one transaction with whatever else this process wants of the lock. */
  private async advanceTogether(within: CallOptions): Promise<readonly PlannedRelease[]> {
    const { engine, uuid } = this
    if (this.unanswered) await this.read(within)
    for (;;) {
      const { mostSuccessors, source, snapshots } = this.view
      const [from] = snapshots as readonly [Snapshot]
      let sent: Turn<Intent> | undefined
      let result: TurnResult
      try {
        const intent = { uuid, mostSuccessors, from, isAlone: this.isAlone }
        result = await engine.coordinator(from.key).release(intent, within, turn => (sent = turn))
      } catch (error) {
        const planned = sent ? [plannedIn(sent.before, sent.composition, uuid)] : this.planned
        await this.onFailure(asStoreError(error), planned, within)
        continue
      }
      if (result.kind === 'unseen') {
        if (source === 'etcd') return this.appliedUnanswered(within)
        await this.read(within)
      } else if (result.succeeded) return [plannedIn(result.before, result.composition, uuid)]
      else this.view = { mostSuccessors, snapshots: [result.after], source: 'etcd' }
    }
  }

  /**
   * Two releases that are under way at once do not know of each other, and a set that waits for both would have to grant itself what they
   * leave. So the second one goes when the first has been answered.
   */
  private async follow(others: readonly Promise<unknown>[]): Promise<void> {
    const { clock, snapshots } = this.engine
    await atMost(clock, FOLLOW_MS, others)
    this.view = { ...this.view, snapshots: this.keys.map(key => snapshots.get(key)) }
  }

  private get planned(): PlannedRelease[] {
    const { clock, sets } = this.engine
    const isGrowing = (key: LockKey): boolean => sets.isGrowing(key)
    const { beside, extraOps = [], isOurs } = this.options
    const theRecord = 1
    const spare = theRecord + extraOps.length + (beside ? 1 : 0)
    return planReleases(this.view, this.uuid, clock.now(), isOurs, isGrowing, spare)
  }

  /** One lock is released, and nothing else is asked for: that may travel with whatever else this process wants of the lock. */
  private get isPlain(): boolean {
    const { beside, extraOps, isOurs } = this.options
    return this.keys.length === 1 && !beside && !extraOps && !isOurs
  }

  private async appliedUnanswered(within: CallOptions): Promise<readonly PlannedRelease[]> {
    const { released, options } = this
    const isReleased = ({ snapshot: { key } }: PlannedRelease): boolean =>
      released.some(({ snapshot }) => snapshot.key.path === key.path)
    const unanswered = this.unanswered?.filter(each => !isReleased(each)) ?? []
    if (unanswered.length === 0) return released
    const wasApplied = options.wasApplied?.(within) ?? true
    return (await wasApplied) ? [...released, ...unanswered] : released
  }

  private async read(within: CallOptions): Promise<void> {
    const { engine, keys } = this
    const snapshots = this.isPlain
      ? [await engine.queueReads.read(keys[0]!, undefined, within)]
      : await engine.read(keys, within)
    this.view = { ...this.view, snapshots, source: 'etcd' }
  }

  /** Resolves to whether etcd has applied it. */
  private async send(planned: readonly PlannedRelease[], within: CallOptions): Promise<boolean> {
    const { beside } = this.options
    const extraOps = this.extraOps(planned)
    const locks = this.handedOver(planned, extraOps.length + (beside ? 1 : 0))
    const before = locks.map(({ snapshot }) => snapshot)
    const releases = locks.map(({ transaction }) => transaction)
    // Reads before it writes, since an operation sees what those before it wrote.
    const reads = beside ? [readsOf({ key: beside.key })] : []
    const writes = extraOps.length > 0 ? [unconditionally(...extraOps)] : []
    const transactions = [...releases, ...reads, ...writes]
    const { engine, keys } = this
    const work = this.commit(before, transactions, within)
    const answer = await engine.sets.releasing(keys, work).catch(asStoreError)
    if (answer instanceof StoreError) {
      await this.onFailure(answer, planned, within)
      return false
    }
    this.view = afterAnswer(this.view, planned, answer.after)
    if (!answer.succeeded) return false
    beside?.onRead(answer.rest[0]!.results[0]![0])
    for (const { snapshot, plan } of planned) logExpired(this.engine.log, snapshot.key, plan.expired)
    return true
  }

  /** The locks, and what is done to each, when sets of this process that become free by the release have their turn. */
  private handedOver(planned: readonly PlannedRelease[], spare: number): readonly Left[] {
    const { clock, sets } = this.engine
    const left = planned.map(({ snapshot, plan }) => ({ snapshot, transaction: plan.transaction }))
    const waiting = sets.firstOf(left.map(({ snapshot }) => snapshot))
    if (waiting.length === 0 || this.turnsOfSets === 0 || this.view.mostSuccessors === 0) return left
    this.turnsOfSets--
    const asked = waiting.map(set => set.asked).filter(set => set !== undefined)
    const { granted, locks } = handOverSets(left, this.uuid, asked, clock.now(), spare)
    for (const set of waiting) if (granted.includes(set.uuid)) set.onHandOver()
    return locks
  }

  /** What etcd has refused with the tickets of others aboard it is asked for again without: one of those may be at fault. @throws StoreError */
  private async commit(
    before: readonly Snapshot[],
    transactions: readonly Transaction[],
    within: CallOptions,
  ): ReturnType<Engine['commitTracked']> {
    const { engine } = this
    const riders = this.ridersWith(transactions)
    if (riders.length > 0) {
      const joined = riders.flatMap(rider => rider.keys)
      try {
        return await engine.sets.joining(joined, engine.commitTracked(before, transactions, within, riders))
      } catch (error) {
        if (!isProvenRefusal(error)) throw error
      }
    }
    return engine.commitTracked(before, transactions, within)
  }

  /**
   * The sets that join their queues in the same transaction. A release that has failed goes without: of who joined with it, it was not
   * told. So does one that grants nothing, since a lease was gone.
   */
  private ridersWith(transactions: readonly Transaction[]): readonly Rider[] {
    const { keys, view } = this
    const mayTake = keys.length > 1 && view.source === 'cache' && view.mostSuccessors > 0
    return mayTake ? this.engine.ridingSets.take(transactions, 0) : []
  }

  /** Returns when another attempt is worthwhile. @throws StoreError */
  private async onFailure(
    error: StoreError,
    planned: readonly PlannedRelease[],
    within: CallOptions,
  ): Promise<void> {
    if (isOutOfSpace(error)) return this.goAlone(error, planned, within)
    if (error.reason === 'unreachable') this.unanswered = planned
    if (error.reason !== 'lease-not-found') throw error
    // A waiter, or another holder, has lost its lease since it was seen: read again, and trust the lease of no waiter.
    const before = this.view
    this.view = { ...before, mostSuccessors: 0 }
    await this.read(within)
    if (isRefusedForGood(before, this.view.snapshots)) throw error
  }

  /**
   * A full etcd takes deletes, and neither grants nor tickets that go with them. It may say that it is full of what it has applied: so what
   * stands is read first. @throws StoreError where the release has something to put, too
   */
  private async goAlone(
    error: StoreError,
    planned: readonly PlannedRelease[],
    within: CallOptions,
  ): Promise<void> {
    if (this.isAlone) throw error
    this.isAlone = true
    this.unanswered = planned
    this.view = { ...this.view, mostSuccessors: 0 }
    await this.read(within)
    const left = this.planned.map(({ plan }) => plan.transaction)
    if (left.length === 0) return
    const puts = [...left, unconditionally(...(this.options.extraOps ?? []))].some(putIn)
    if (puts) throw error
  }

  private extraOps(planned: readonly PlannedRelease[]): Op[] {
    const isRecorded = planned.some(({ snapshot }) => hasRecord(snapshot, this.uuid))
    const record = { type: 'delete' as const, key: LockKey.record(this.uuid) }
    return [...(isRecorded ? [record] : []), ...(this.options.extraOps ?? [])]
  }
}

function returnLease(
  { holdings, pool }: Engine,
  holding: Holding,
  confirmed: readonly PlannedRelease[],
): void {
  const { key, lease, uuid } = holding
  const released = confirmed.find(({ snapshot }) => snapshot.key.path === key.path)
  if (isReusable(lease.id, released, uuid)) pool.return(lease)
  else pool.discard(lease)
  if (!released) {
    for (const each of holding.pending ?? []) pool.discard(each)
    holdings.rest(holding)
  }
}

/** The release of this id, as part of a composition. */
function plannedIn(snapshot: Snapshot, { released, transaction }: Composition, uuid: string): PlannedRelease {
  return { snapshot, plan: { transaction, released: released.find(lock => lock.uuid === uuid), expired: [] } }
}
