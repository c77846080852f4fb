import type { LockKey } from '../../protocol/lock-key.js'
import type { LockTerms } from '../../protocol/request.js'
import type { Clock } from '../../time/clock.js'
import type { Lease } from '../leases/lease.js'

/** A lock that this process holds, as far as it knows. */
export interface Holding extends LockTerms {
  readonly key: LockKey
  /** Fencing token: the create revision of the holder key. */
  readonly token: bigint
  /** As its holder key says. */
  readonly created: string | undefined
  readonly lease: Lease
}

const SWEEP_FROM = 256

/** The holdings of this process, by their holder keys. A holding that is not released is forgotten after its time. */
export class Holdings {
  private readonly byHolderKey = new Map<string, Holding>()
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
    return this.takeAt(key.holder(uuid))
  }

  /** By the holder key. */
  takeAt(path: string): Holding | undefined {
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
