import type { LockKey } from '../../protocol/lock-key.js'
import type { LockTerms } from '../../protocol/request.js'
import type { LockIds } from '../../model/lock-ids.js'
import type { Clock } from '../../time/clock.js'
import type { Lease } from '../leases/lease.js'

/** What clocks that run at different speeds may add to the time of a lease, milliseconds. */
const MARGIN_MS = 60_000

/** A lock that this process holds, as far as it knows. */
export interface Holding extends LockTerms {
  readonly key: LockKey
  readonly holderKey: string
  /** Fencing token: the create revision of the holder key. */
  readonly token: bigint
  /** As its holder key says; undefined where nothing was written beside it. */
  readonly created: string | undefined
  readonly lease: Lease
  /** Those of extensions that had no answer when its holder gave it up: it may be on any of them. */
  readonly pending?: readonly Lease[]
}

const SWEEP_FROM = 256

/** The holdings of this process, by their holder keys. A holding that is not released is forgotten after its time. */
export class Holdings {
  private readonly byHolderKey = new Map<string, Holding>()
  /** Those of them whose release is under way: they are not held any more, unless it is given up. */
  private readonly lent = new Set<Holding>()
  private sweepAt = SWEEP_FROM

  constructor(
    private readonly clock: Clock,
    private readonly ids: LockIds,
  ) {}

  add(holding: Holding): void {
    this.byHolderKey.set(holding.holderKey, holding)
    if (this.byHolderKey.size >= this.sweepAt) this.sweep()
  }

  has(key: LockKey, uuid: string): boolean {
    return this.find(key, uuid) !== undefined
  }

  /** Also while its release is under way. */
  isKnown(key: LockKey, uuid: string): boolean {
    return this.byHolderKey.get(key.holder(uuid))?.uuid === uuid
  }

  /** Notes that a holding is on another lease now. */
  move(key: LockKey, uuid: string, lease: Lease): void {
    const holding = this.find(key, uuid)
    if (holding && holding.lease !== lease) this.add({ ...holding, ttl: lease.asked, lease })
  }

  /** Its holder gives it up, and it may be on one of these leases. */
  mayBeOn(key: LockKey, uuid: string, pending: readonly Lease[]): void {
    const holding = this.find(key, uuid)
    if (holding) this.add({ ...holding, pending })
  }

  /** It is lost: its holder key may still stand. */
  takeLost(key: LockKey, uuid: string): Holding | undefined {
    const holding = this.find(key, uuid)
    if (!holding) return undefined
    this.byHolderKey.delete(holding.holderKey)
    this.rest(holding)
    return holding
  }

  /** Takes it until the outcome of its release is known: each is given to {@link settle} then. */
  lend(key: LockKey, uuid: string): Holding | undefined {
    const holding = this.find(key, uuid)
    if (holding) this.lent.add(holding)
    return holding
  }

  /**
   * Ends a loan. Returns whether the holding stands again: not when it is not kept, nor when its holder key was seen to
   * be gone meanwhile: the release was applied, and only its answer was lost.
   */
  settle(holding: Holding, isKept: boolean): boolean {
    const { holderKey } = holding
    const isThere = this.lent.delete(holding) && this.byHolderKey.get(holderKey) === holding
    if (isThere && !isKept) this.byHolderKey.delete(holderKey)
    return isThere && isKept
  }

  /**
   * A holder key was deleted at this revision: what is lent does not come back. The key may belong to a younger holding by now, of
   * which that says nothing.
   */
  takeGone(path: string, revision: bigint): Holding | undefined {
    const holding = this.byHolderKey.get(path)
    if (!holding || holding.token >= revision) return undefined
    this.byHolderKey.delete(path)
    // Who releases it gives back what belongs to it.
    if (this.lent.delete(holding)) return undefined
    this.ids.free(holding.key.path, holding.uuid)
    return holding
  }

  /** It was released, or may have been, without an answer that says so. */
  rest({ key, uuid, lease }: Holding): void {
    this.ids.rest(key.path, uuid, lease.deadline - this.clock.monotonic() + MARGIN_MS)
  }

  /** Nothing more is heard of any. */
  close(): void {
    for (const { key, uuid } of this.byHolderKey.values()) this.takeLost(key, uuid)
  }

  /** Unless it is lent. */
  private find(key: LockKey, uuid: string): Holding | undefined {
    const holding = this.byHolderKey.get(key.holder(uuid))
    return holding?.uuid === uuid && !this.lent.has(holding) ? holding : undefined
  }

  private sweep(): void {
    const now = this.clock.monotonic()
    for (const { key, lease, uuid } of this.byHolderKey.values()) {
      if (lease.deadline < now) this.takeLost(key, uuid)
    }
    this.sweepAt = Math.max(SWEEP_FROM, 2 * this.byHolderKey.size)
  }
}
