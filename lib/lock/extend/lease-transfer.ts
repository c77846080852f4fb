import type { LeaseId } from '../../kv/key-value.js'
import { modRevisionOf, type Snapshot } from '../../protocol/snapshot.js'
import { asStoreError, isOutOfSpace, StoreError } from '../../store/store-error.js'
import type { CallOptions } from '../../store/store.js'
import type { Engine } from '../engine/engine.js'
import type { Lease } from '../leases/lease.js'
import {
  type HoldingsSeen,
  nextTransfer,
  type TransferAttempt,
  type TransferEvent,
  type TransferPlan,
  type TransferState,
} from './transfer-state.js'

/** Where a transfer gets its snapshots and its plan from. */
export interface TransferSource<T> {
  /** Reads the locks; undefined when nothing is held. @throws StoreError */
  look(within: CallOptions): Promise<readonly Snapshot[] | undefined>
  /** A plan made from those snapshots, with fresh leases; undefined when nothing is held. @throws StoreError */
  plan(snapshots: readonly Snapshot[], within: CallOptions): Promise<TransferPlan<T> | undefined>
}

export interface TransferResult<T> {
  /** By lock: the lease that the holding is on. */
  readonly leases: readonly Lease[]
  readonly outcome: T
  /** The revision at which the holdings got these leases: events of a watch up to it are out of date. */
  readonly revision: bigint
}

export interface TransferListener {
  /** Throws when the holdings are not to be moved any more. It is asked before each attempt. */
  assertHeld(): void
  /** From now on the holdings may be on these leases, which may end before those that they are on. */
  onMoving(leases: readonly Lease[]): void
  /** The holdings are not on these leases, and will not be. */
  onNotMoving(leases: readonly Lease[]): void
}

/**
 * Moves what is held under one id to new leases: once, however often {@link advance} is repeated because no answer came. An
 * attempt is sent again as it was while it can still be applied; see {@link nextTransfer} for what follows from each answer.
 */
export class LeaseTransfer<T> {
  private state: TransferState<T> = { phase: 'unplanned' }

  constructor(
    private readonly engine: Engine,
    private readonly uuid: string,
    private readonly source: TransferSource<T>,
    private readonly listener?: TransferListener,
  ) {}

  /** Resolves to undefined when nothing is held (any more). @throws StoreError, and what the source throws. */
  async advance(within: CallOptions): Promise<TransferResult<T> | undefined> {
    for (;;) {
      const snapshots = await this.source.look(within)
      let state = this.apply({ type: 'seen', holdings: snapshots && this.holdingsIn(snapshots) })
      if (state.phase === 'unplanned') state = await this.plan(snapshots!, within)
      if (!('attempt' in state)) return undefined
      if (state.phase !== 'moved') this.listener?.assertHeld()
      const after = state.phase === 'moved' ? snapshots! : await this.send(state.attempt, snapshots!, within)
      if (after) return this.finish(state.attempt, after, within)
    }
  }

  /**
   * Gives up leases that are not used. An extension whose answer was lost may still be applied: its leases are left to end by
   * themselves, since to revoke them would then end the holdings.
   */
  dropUnused(): void {
    this.apply({ type: 'abandoned' })
  }

  private async plan(snapshots: readonly Snapshot[], within: CallOptions): Promise<TransferState<T>> {
    const plan = await this.source.plan(snapshots, within)
    if (!plan) return this.apply({ type: 'planned', attempt: undefined })
    this.listener?.onMoving(plan.leases)
    const { leases, revisions } = this.holdingsIn(snapshots)
    const attempt = { ...plan, left: leases as readonly LeaseId[], revisions }
    return this.apply({ type: 'planned', attempt })
  }

  /** Resolves to what is true after the attempt; undefined when etcd has not applied it. */
  private async send(
    { transactions }: TransferAttempt<T>,
    before: readonly Snapshot[],
    within: CallOptions,
  ): Promise<readonly Snapshot[] | undefined> {
    const answer = await this.engine.commitTracked(before, transactions, within).catch(asStoreError)
    if (answer instanceof StoreError) {
      const isUncertain = isOutOfSpace(answer)
      this.apply({ type: isUncertain ? 'unreachable' : answer.reason })
      if (answer.reason === 'lease-not-found') return undefined
      throw answer
    }
    this.apply({ type: answer.succeeded ? 'applied' : 'not-applied' })
    return answer.succeeded ? answer.after : undefined
  }

  /**
   * Where a promise is to be kept, the new leases end no sooner than the holder believes who counts from a renewal of the old ones:
   *
   *     a new lease is taken · a release grants · the holder renews, and reads that it holds · the holding is moved
   *
   * The move stands when that fails. Repeated it would find that the holder has released it since, and take its leases for unused.
   */
  private async finish(
    { keepsPromise, leases, outcome }: TransferAttempt<T>,
    after: readonly Snapshot[],
    within: CallOptions,
  ): Promise<TransferResult<T>> {
    const { holdings, pool } = this.engine
    for (const [at, { key }] of after.entries()) holdings.move(key, this.uuid, leases[at]!)
    if (keepsPromise) await Promise.allSettled(leases.map(lease => pool.renew(lease, within)))
    return { leases, outcome, revision: after[0]!.holders.get(this.uuid)!.modRevision }
  }

  private apply(event: TransferEvent<T>): TransferState<T> {
    const { state, unused, revocable } = nextTransfer(this.state, event)
    this.state = state
    if (unused.length > 0) this.listener?.onNotMoving(unused)
    for (const id of revocable) this.engine.pool.discard({ id })
    return state
  }

  private holdingsIn(snapshots: readonly Snapshot[]): HoldingsSeen {
    return {
      leases: snapshots.map(({ holders }) => holders.get(this.uuid)?.lease),
      revisions: snapshots.flatMap(snapshot => [
        modRevisionOf(snapshot),
        snapshot.holders.get(this.uuid)?.createRevision ?? 0n,
      ]),
    }
  }
}
