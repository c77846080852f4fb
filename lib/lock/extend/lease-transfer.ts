import type { LeaseId } from '../../kv/key-value.js'
import type { Transaction } from '../../kv/transaction.js'
import { modRevisionOf, type Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { isStoreError } from '../../store/store-error.js'
import type { Engine } from '../engine/engine.js'
import type { Lease } from '../leases/lease.js'

/** What puts holdings on new leases. */
export interface TransferPlan<T> {
  /** By lock. */
  readonly leases: readonly Lease[]
  /** By lock: all of them or none. */
  readonly transactions: readonly Transaction[]
  /** What is to be told when it is done. */
  readonly outcome: T
}

export interface TransferResult<T> extends TransferPlan<T> {
  /** What was seen of the holder keys up to this revision is old. */
  readonly revision: bigint
}

export interface TransferListener {
  /** From now on the holdings may be on these leases, which may end before those that they are on. */
  onMoving(leases: readonly Lease[]): void
  /** They are not on these, and will not be. */
  onNotMoving(leases: readonly Lease[]): void
}

interface Attempt<T> extends TransferPlan<T> {
  /** The leases that the holdings leave. */
  readonly left: readonly (LeaseId | undefined)[]
  /** Of the KeyLocks on which it depends: once one has changed, it can never be applied. */
  readonly revisions: readonly bigint[]
}

/** One move of what is held under one id: made once, however often {@link advance} is repeated because no answer came. */
export class LeaseTransfer<T> {
  private attempt: Attempt<T> | undefined
  /** It was sent, and may have been applied. */
  private isUnanswered = false

  constructor(
    private readonly engine: Engine,
    private readonly uuid: string,
    /** The truth; undefined when nothing is held. */
    private readonly look: (within: CallOptions) => Promise<readonly Snapshot[] | undefined>,
    /** Undefined when nothing is held. */
    private readonly prepare: (
      snapshots: readonly Snapshot[],
      within: CallOptions,
    ) => Promise<TransferPlan<T> | undefined>,
    private readonly listener?: TransferListener,
  ) {}

  /** Resolves to undefined when nothing is held (any more). @throws StoreError, and what `prepare` throws. */
  async advance(within: CallOptions): Promise<TransferResult<T> | undefined> {
    for (;;) {
      const snapshots = await this.look(within)
      const standing = this.leasesIn(snapshots ?? [])
      if (this.attempt?.leases.every(({ id }, at) => id === standing[at])) {
        return this.finish(this.attempt, snapshots!)
      }
      if (!snapshots || standing.includes(undefined)) return this.drop(standing)
      if (snapshots.some((snapshot, at) => modRevisionOf(snapshot) !== this.attempt?.revisions[at])) {
        // There may be no way back to leases that were left: whoever moved a holding on revokes its last.
        this.drop(standing)
        this.attempt = await this.begin(snapshots, standing, within)
      }
      if (!this.attempt) return undefined
      const after = await this.send(this.attempt, snapshots, within)
      if (after) return this.finish(this.attempt, after)
    }
  }

  /** Lets go of leases that are not used; not while a move to them may have been applied, or may be yet. */
  dropUnused(): void {
    if (this.attempt && !this.isUnanswered) this.drop(this.attempt.left)
  }

  private async begin(
    snapshots: readonly Snapshot[],
    left: Attempt<T>['left'],
    within: CallOptions,
  ): Promise<Attempt<T> | undefined> {
    const move = await this.prepare(snapshots, within)
    if (!move) return undefined
    this.listener?.onMoving(move.leases)
    return { ...move, left, revisions: snapshots.map(modRevisionOf) }
  }

  private async send(
    { transactions }: Attempt<T>,
    before: readonly Snapshot[],
    within: CallOptions,
  ): Promise<readonly Snapshot[] | undefined> {
    const wasUnanswered = this.isUnanswered
    this.isUnanswered = true
    try {
      const { succeeded, after } = await this.engine.commitTracked(before, transactions, within)
      // When it was not applied, one that was sent before it may have been.
      this.isUnanswered = wasUnanswered
      return succeeded ? after : undefined
    } catch (error) {
      if (!isStoreError(error, 'unreachable')) this.isUnanswered = wasUnanswered
      if (!isStoreError(error, 'lease-not-found')) throw error
      // Only what would have been applied is refused so: nothing has changed.
      return this.drop(this.leasesIn(before))
    }
  }

  private finish(
    { leases, transactions, outcome, left }: Attempt<T>,
    after: readonly Snapshot[],
  ): TransferResult<T> {
    for (const [at, { key }] of after.entries()) this.engine.holdings.move(key, this.uuid, leases[at]!)
    this.discard(left)
    this.attempt = undefined
    return { leases, transactions, outcome, revision: after[0]!.holders.get(this.uuid)!.modRevision }
  }

  private leasesIn(snapshots: readonly Snapshot[]): (LeaseId | undefined)[] {
    return snapshots.map(({ holders }) => holders.get(this.uuid)?.lease)
  }

  /**
   * @param standing the leases that the holdings are on. Whoever released a holding that is gone may have given the lease that
   * it was on to another.
   */
  private drop(standing: readonly (LeaseId | undefined)[]): undefined {
    if (!this.attempt) return
    const { leases, left } = this.attempt
    const stands = (at: number): boolean => standing[at] !== undefined
    const unused = leases.filter(({ id }) => !standing.includes(id))
    this.listener?.onNotMoving(unused)
    const ours = leases.filter((_, at) => stands(at) || !this.isUnanswered).map(({ id }) => id)
    const theirs = left.filter((_, at) => stands(at))
    this.discard([...ours, ...theirs].filter(id => !standing.includes(id)))
    this.attempt = undefined
    this.isUnanswered = false
  }

  private discard(leases: readonly (LeaseId | undefined)[]): void {
    for (const id of leases) if (id !== undefined) this.engine.pool.discard({ id })
  }
}
