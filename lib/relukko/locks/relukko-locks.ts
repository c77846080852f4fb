import type { LeaseId } from '../../kv/key-value.js'
import type { Op } from '../../kv/transaction.js'
import { LockUnavailableError } from '../../model/errors.js'
import type { Timestamp } from '../../model/timestamp.js'
import { LockKey } from '../../protocol/lock-key.js'
import { extend } from '../../protocol/extend.js'
import { leastTtl } from '../../lock/extend/extend.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { acquire } from '../../lock/acquire/acquire.js'
import { requestOne } from '../../lock/options/acquire-request.js'
import type { Engine } from '../../lock/engine/engine.js'
import { type TransferPlan, LeaseTransfer } from '../../lock/extend/lease-transfer.js'
import { releaseById } from '../../lock/release/release.js'
import { RelukkoNotFoundError } from '../errors.js'
import { NEW_SECONDS, ttlUntil } from './expiry.js'
import { checkCreator, idOf, keyOf } from './inputs.js'
import { formatRecord } from './record.js'
import { RelukkoDTO } from '../relukko-dto.js'
import { BOUND_MS, notFound, type Seen, RelukkoReader } from './relukko-reader.js'

export interface RelukkoRequest {
  readonly lockName: unknown
  readonly creator: unknown
  /** Address of the client. */
  readonly ip: string
  /** Seconds until it expires. */
  readonly seconds?: number
  /** By which the client knows its call again: a lock that was taken under it is given once more. */
  readonly request?: string | undefined
  /** Milliseconds; 0 tries once. */
  readonly waitMs: number
  readonly signal?: AbortSignal
}

export interface Taken {
  readonly lock: RelukkoDTO
  readonly fencingToken: bigint
}

/** Relukko's locks in etcd: exclusive ones under one prefix, each with a record in the same transaction. */
export class RelukkoLocks {
  private readonly sight: RelukkoReader

  constructor(
    readonly engine: Engine,
    readonly prefix: string,
    private readonly graceSeconds: number,
  ) {
    this.sight = new RelukkoReader(engine, prefix)
  }

  /**
   * @throws RelukkoInvalidError, LockUnavailableError when others hold it for longer than the wait,
   * EtcdLockUnavailableError, the signal's reason.
   */
  async take(wish: RelukkoRequest): Promise<Taken> {
    const key = keyOf(this.prefix, wish.lockName)
    const { creator, request, waitMs } = wish
    checkCreator(creator)
    const before = (): Promise<Taken | undefined> => this.takenBefore(key, request!)
    // The waiter would wait for its own lock.
    const own = request !== undefined && waitMs > 0 && (await before())
    if (own) return own
    try {
      return await this.takeAnew(key, { ...wish, creator })
    } catch (error) {
      const taken = error instanceof LockUnavailableError && request !== undefined && (await before())
      if (taken) return taken
      throw error
    }
  }

  all(): Promise<RelukkoDTO[]> {
    return this.sight.all()
  }

  /** @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  async find(given: string): Promise<Seen> {
    const id = idOf(given)
    return this.sight.see(await this.sight.keyOf(id), id)
  }

  /**
   * Writes a lock anew, as `changed` makes it of what it is at that time.
   * @throws RelukkoNotFoundError, EtcdLockUnavailableError, and what `changed` throws.
   */
  async change(
    given: string,
    changed: (lock: RelukkoDTO, now: Timestamp) => Pick<RelukkoDTO, 'creator' | 'expiresAt'>,
  ): Promise<RelukkoDTO> {
    const id = idOf(given)
    const changeAt = (lock: RelukkoDTO, now: Timestamp): RelukkoDTO =>
      new RelukkoDTO({ ...lock, ...changed(lock, now), updatedAt: now })
    return this.rewrite(await this.sight.keyOf(id), id, changeAt)
  }

  /** Resolves to what it was. @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  async release(given: string): Promise<RelukkoDTO> {
    const { lock, snapshot } = await this.find(given)
    const { id } = lock
    const { key } = snapshot
    const isOurs = this.engine.holdings.has(key, id)
    const released = await releaseById(this.engine, [key], id, { budget: this.engine.budget(BOUND_MS) })
    if (released.length === 0) throw notFound(id)
    const lease = snapshot.holders.get(id)?.lease
    if (!isOurs && lease !== undefined) this.engine.pool.discard({ id: lease })
    return lock
  }

  /** Puts a lock on a new lease, with what `changed` makes of its record. @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  private async rewrite(
    key: LockKey,
    id: string,
    changed: (lock: RelukkoDTO, now: Timestamp) => RelukkoDTO,
  ): Promise<RelukkoDTO> {
    const look = async (within: CallOptions): Promise<readonly Snapshot[] | undefined> => {
      seen = await this.sight.look(key, id, within)
      return seen && [seen.snapshot]
    }
    let seen: Seen | undefined
    const prepare = async (
      _: readonly Snapshot[],
      within: CallOptions,
    ): Promise<TransferPlan<RelukkoDTO> | undefined> => {
      const { lock: before, request, snapshot, isForeign } = seen!
      const { name } = key
      const now = this.engine.clock.now()
      const lock = changed(before, now)
      const wanted = ttlUntil(lock.expiresAt, now, this.graceSeconds)
      const ttl = isForeign ? leastTtl(snapshot, id, wanted) : wanted
      const lease = await this.engine.pool.takeFresh(ttl, within)
      const extraOps: Op[] = [
        {
          type: 'put',
          key: LockKey.record(id),
          value: formatRecord({ lock, name, request }),
          lease: lease.id,
        },
      ]
      const owner = lock.creator === before.creator ? {} : { owner: ownerOf(lock.creator, lock.ip) }
      const transaction = extend(snapshot, { uuid: id, ttl, lease: lease.id, extraOps, ...owner }, now)
      if (transaction) return { leases: [lease], transactions: [transaction], outcome: lock }
      this.engine.pool.return(lease)
      return undefined
    }
    const moving = new LeaseTransfer(this.engine, id, look, prepare)
    const moved = await this.persist(key.path, within => moving.advance(within)).finally(() =>
      moving.dropUnused(),
    )
    if (!moved) throw notFound(id)
    return moved.outcome
  }

  private async takeAnew(key: LockKey, wish: RelukkoRequest & Pick<RelukkoDTO, 'creator'>): Promise<Taken> {
    const { creator, ip, seconds = NEW_SECONDS, request, waitMs, signal } = wish
    const now = this.engine.clock.now()
    const ttl = ttlUntil(now.plusSeconds(seconds), now, this.graceSeconds)
    const asker = { prefix: this.prefix, owner: ownerOf(creator, ip) }
    const { id, targets } = requestOne('acquire', asker, key.name, { concurrency: 1, ttl })
    const written: RelukkoDTO[] = []
    const extraOps = (lease: LeaseId, created: Timestamp): Op[] => {
      const expiresAt = created.plusSeconds(seconds)
      const times = { createdAt: created, updatedAt: created, expiresAt }
      const lock = new RelukkoDTO({ id, lockName: wish.lockName as string, creator, ip, ...times })
      written.push(lock)
      return [
        {
          type: 'put',
          key: LockKey.record(id),
          value: formatRecord({ lock, name: key.name, request }),
          lease,
        },
      ]
    }
    const withRecord = targets.map(target => ({ ...target, extraOps }))
    const [holding] = await acquire(this.engine, withRecord, { waitMs, signal })
    const { created, token: fencingToken } = holding!
    // Of several attempts it is that which etcd has taken. None, when another server was asked for it, too, and knew it.
    const lock = written.find(({ createdAt }) => String(createdAt) === created)
    return { lock: lock ?? (await this.sight.see(key, id)).lock, fencingToken }
  }

  /**
   * The lock of an exclusive holder who has asked in the same words; his answer may be lost. Unless it is known to be held
   * from here, it is put on a lease of our own: the server that took it may not know yet that it did, and gives up its lease.
   */
  private async takenBefore(key: LockKey, request: string): Promise<Taken | undefined> {
    const found = await this.persist(key.path, async within => {
      const { holders } = await this.engine.readOne(key, within)
      const [holder] = holders
      if (!holder || holders.size > 1) return undefined
      const [id, { createRevision: fencingToken }] = holder
      const seen = await this.sight.look(key, id, within)
      return seen?.request === request ? { id, lock: seen.lock, fencingToken } : undefined
    })
    if (!found) return undefined
    const { id, fencingToken } = found
    if (this.engine.holdings.has(key, id)) return found
    try {
      return { lock: await this.rewrite(key, id, lock => lock), fencingToken }
    } catch (error) {
      if (error instanceof RelukkoNotFoundError) return undefined
      throw error
    }
  }

  private persist<T>(path: string, work: (within: CallOptions) => Promise<T>): Promise<T> {
    return this.engine.retry({ path }, work, { budget: this.engine.budget(BOUND_MS) })
  }
}

/** An owner is a text that is not empty; a creator may be missing. */
function ownerOf(creator: string | null, ip: string): string {
  return creator || `a Relukko client at ${ip}`
}
