import type { LockKey } from '../../protocol/lock-key.js'
import type { LockTerms } from '../../protocol/request.js'
import type { Clock } from '../../time/clock.js'
import type { Lease } from '../leases/lease.js'

/** A lock that this process holds, as far as it knows. */
export interface Holding extends LockTerms {
  readonly key: LockKey
  /** Fencing token: the create revision of the holder key. */
  readonly token: bigint
  /** As its holder key says; undefined where nothing was written beside it. */
  readonly created: string | undefined
  readonly lease: Lease
}

const SWEEP_FROM = 256

/** The holdings of this process, by their holder keys. A holding that is not released is forgotten after its time. */
export class Holdings {
  private readonly byHolderKey = new Map<string, Holding>()
  /** The holder keys of those that are lent. */
  private readonly lent = new Set<string>()
  private sweepAt = SWEEP_FROM

  constructor(private readonly clock: Clock) {}

  add(holding: Holding): void {
    this.byHolderKey.set(holding.key.holder(holding.uuid), holding)
    if (this.byHolderKey.size >= this.sweepAt) this.sweep()
  }

  has(key: LockKey, uuid: string): boolean {
    return this.byHolderKey.has(key.holder(uuid))
  }

  /** Notes that a holding is on another lease now. */
  move(key: LockKey, uuid: string, lease: Lease): void {
    const holding = this.byHolderKey.get(key.holder(uuid))
    if (holding && holding.lease !== lease) this.add({ ...holding, ttl: lease.asked, lease })
  }

  take(key: LockKey, uuid: string): Holding | undefined {
    return this.remove(key.holder(uuid))
  }

  /** As {@link take}, until the outcome of its release is known: each is given to {@link settle} then. */
  lend(key: LockKey, uuid: string): Holding | undefined {
    const holding = this.take(key, uuid)
    if (holding) this.lent.add(key.holder(uuid))
    return holding
  }

  /**
   * Ends a loan. Returns whether the holding stands again: not when it is not kept, nor when its holder key was seen to
   * be gone meanwhile: the release was applied, and only its answer was lost.
   */
  settle(holding: Holding, isKept: boolean): boolean {
    const isThere = this.lent.delete(holding.key.holder(holding.uuid))
    if (isKept && isThere) this.add(holding)
    return isKept && isThere
  }

  /** By the holder key, which is gone: what is lent does not come back. */
  takeAt(path: string): Holding | undefined {
    this.lent.delete(path)
    return this.remove(path)
  }

  private remove(path: string): Holding | undefined {
    const holding = this.byHolderKey.get(path)
    this.byHolderKey.delete(path)
    return holding
  }

  private sweep(): void {
    const now = this.clock.monotonic()
    for (const [key, { lease }] of this.byHolderKey) if (lease.deadline < now) this.byHolderKey.delete(key)
    this.sweepAt = Math.max(SWEEP_FROM, 2 * this.byHolderKey.size)
  }
}
