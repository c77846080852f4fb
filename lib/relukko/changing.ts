import type { LeaseId } from '../kv/key-value.js'
import type { Transaction } from '../kv/transaction.js'
import type { Engine } from '../lock/engine.js'
import type { Lease } from '../lock/lease.js'
import type { Timestamp } from '../model/timestamp.js'
import { extend } from '../protocol/extend.js'
import { modRevisionOf, type Snapshot } from '../protocol/snapshot.js'
import { isStoreError } from '../store/store-error.js'
import { formatRecord, recordKey } from './record.js'
import type { RelukkoDTO } from './relukko-dto.js'

/** A lock and what was true of it at one revision. */
export interface Seen {
  readonly lock: RelukkoDTO
  readonly snapshot: Snapshot
}

export interface Changed {
  readonly lock: RelukkoDTO
  /** Undefined when it stays. */
  readonly owner: string | undefined
  /** Seconds, from `now` on. */
  readonly ttl: number
}

interface Attempt {
  readonly lock: RelukkoDTO
  readonly lease: Lease
  readonly transaction: Transaction
  /** Of the KeyLocks on which it depends: once that has changed, it can never be applied. */
  readonly revision: bigint
}

/** One change of a lock: made once, however often {@link advance} is repeated because no answer came. */
export class Changing {
  private attempt: Attempt | undefined
  private isUnanswered = false

  constructor(
    private readonly engine: Engine,
    private readonly look: () => Promise<Seen | undefined>,
    private readonly change: (before: RelukkoDTO, now: Timestamp) => Changed,
  ) {}

  /** Resolves to the changed lock; to undefined when nobody holds it (any more). @throws StoreError */
  async advance(): Promise<RelukkoDTO | undefined> {
    for (;;) {
      const seen = await this.look()
      if (!seen) return undefined
      const before = leaseOf(seen)
      if (this.attempt && before === this.attempt.lease.id) return this.finish(seen, undefined)
      if (this.attempt?.revision !== modRevisionOf(seen.snapshot)) {
        this.drop()
        this.attempt = await this.prepare(seen)
      }
      if (!this.attempt) return undefined
      if (await this.send(seen, this.attempt)) return this.finish(seen, before)
    }
  }

  /** Lets go of a lease that is not used; not while a change to it may still come, which needs it. */
  settle(): void {
    if (!this.isUnanswered) this.drop()
  }

  private async prepare({ lock: before, snapshot }: Seen): Promise<Attempt | undefined> {
    const now = this.engine.clock.now()
    const { lock, owner, ttl } = this.change(before, now)
    const lease = await this.engine.pool.takeFresh(ttl)
    const value = formatRecord(lock)
    const record = { type: 'put' as const, key: recordKey(lock.id), value, lease: lease.id }
    const terms = { uuid: lock.id, ttl, lease: lease.id, alongside: [record] }
    const transaction = extend(snapshot, { ...terms, ...(owner !== undefined && { owner }) }, now)
    if (transaction) return { lock, lease, transaction, revision: modRevisionOf(snapshot) }
    this.engine.pool.give(lease)
    return undefined
  }

  private async send({ snapshot }: Seen, { transaction }: Attempt): Promise<boolean> {
    this.isUnanswered = true
    let succeeded = false
    try {
      succeeded = (await this.engine.transit([snapshot], [transaction])).succeeded
    } catch (error) {
      if (!isStoreError(error, 'lease-not-found')) throw error
      this.drop()
    }
    this.isUnanswered = false
    return succeeded
  }

  private finish({ snapshot }: Seen, left: LeaseId | undefined): RelukkoDTO {
    const { lock, lease } = this.attempt!
    const holding = this.engine.holdings.take(snapshot.key, lock.id)
    if (holding) this.engine.holdings.add({ ...holding, ttl: lease.asked, lease })
    if (left !== undefined) this.engine.pool.discard({ id: left })
    this.attempt = undefined
    return lock
  }

  private drop(): void {
    if (this.attempt) this.engine.pool.discard(this.attempt.lease)
    this.attempt = undefined
  }
}

function leaseOf({ lock, snapshot }: Seen): LeaseId | undefined {
  return snapshot.holders.get(lock.id)?.lease
}
