import type { LeaseId } from '../../kv/key-value.js'
import type { Op } from '../../kv/transaction.js'
import type { LockService } from '../../lock/api/lock-service.js'
import { LockUnavailableError } from '../../model/errors.js'
import type { Timestamp } from '../../model/timestamp.js'
import { LockKey } from '../../protocol/lock-key.js'
import { RelukkoNotFoundError } from '../errors.js'
import { NEW_SECONDS, ttlUntil } from './expiry.js'
import { checkCreator, idOf, keyOf } from './inputs.js'
import { type RecentLock, RecentLocks } from './recent-locks.js'
import { formatRecord, parseRecord } from './record.js'
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
  /** Seconds; 0 tries once. */
  readonly wait: number
  readonly signal?: AbortSignal
}

export interface Taken {
  readonly lock: RelukkoDTO
  readonly fencingToken: bigint
}

/** Relukko's locks in etcd: exclusive ones under one prefix, each with a record in the same transaction. */
export class RelukkoLocks {
  private readonly sight: RelukkoReader
  private readonly recent = new RecentLocks()

  constructor(
    readonly locks: LockService,
    readonly prefix: string,
    private readonly graceSeconds: number,
  ) {
    this.sight = new RelukkoReader(locks, prefix)
  }

  /**
   * @throws RelukkoInvalidError, LockUnavailableError when others hold it for longer than the wait,
   * EtcdLockUnavailableError, the signal's reason.
   */
  async take(wish: RelukkoRequest): Promise<Taken> {
    const key = keyOf(this.prefix, wish.lockName)
    const { creator, request, wait } = wish
    checkCreator(creator)
    const before = (): Promise<Taken | undefined> => this.takenBefore(key, request!)
    // The waiter would wait for its own lock.
    const own = request !== undefined && wait > 0 && (await before())
    if (own) return own
    try {
      return await this.takeAnew(key, { ...wish, creator })
    } catch (error) {
      const taken = error instanceof LockUnavailableError && request !== undefined && (await before())
      if (taken) return taken
      throw error
    }
  }

  /** All locks of one revision; each is made when it is asked for. @throws EtcdLockUnavailableError */
  all(): Promise<Iterable<RelukkoDTO>> {
    return this.sight.all()
  }

  /** As {@link all}, for whoever writes them as JSON: where a lock comes as a text, that is its JSON. */
  allAsJson(): Promise<Iterable<RelukkoDTO | string>> {
    return this.sight.allAsJson()
  }

  /** @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  async find(given: string): Promise<Seen> {
    const id = idOf(given)
    return this.sight.see(await this.keyOf(id), id)
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
    return this.rewrite(await this.keyOf(id), id, changeAt)
  }

  /** Resolves to what it was. @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  async release(given: string): Promise<RelukkoDTO> {
    const id = idOf(given)
    const recent = this.recent.get(id)
    if (recent && this.locks.isHeldHere(recent.key, id)) return this.releaseOwn(id, recent)
    const { lock, isForeign, snapshot } = await this.find(id)
    const released = await this.locks.release([snapshot.key], id, {
      withinMs: BOUND_MS,
      endsLeases: !isForeign,
    })
    if (released.length === 0) throw notFound(id)
    return lock
  }

  /** In one call to etcd when nobody else has touched the lock. @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  private async releaseOwn(id: string, { key, lock }: RecentLock): Promise<RelukkoDTO> {
    const { released, kv } = await this.locks.releaseBeside(key, id, LockKey.record(id), {
      withinMs: BOUND_MS,
    })
    this.recent.delete(id)
    if (!released) throw notFound(id)
    return parseRecord(kv)?.lock ?? lock
  }

  /** @throws RelukkoNotFoundError */
  private async keyOf(id: string): Promise<LockKey> {
    return this.recent.get(id)?.key ?? (await this.sight.keyOf(id))
  }

  /** Puts a lock on a new lease, with what `changed` makes of its record. @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  private async rewrite(
    key: LockKey,
    id: string,
    changed: (lock: RelukkoDTO, now: Timestamp) => RelukkoDTO,
  ): Promise<RelukkoDTO> {
    const rewritten = await this.locks.rewrite(
      key,
      id,
      reader => this.sight.look(reader, key, id),
      ({ lock: before, request, isForeign }, now) => {
        const lock = changed(before, now)
        return {
          ttl: ttlUntil(lock.expiresAt, now, this.graceSeconds),
          keepsPromise: isForeign,
          ...(lock.creator !== before.creator && { owner: ownerOf(lock.creator, lock.ip) }),
          extraOps: lease => [putRecord({ lock, name: key.name, request }, lease)],
          outcome: lock,
        }
      },
      { withinMs: BOUND_MS },
    )
    if (!rewritten) throw notFound(id)
    this.recent.set(key, rewritten)
    return rewritten
  }

  private async takeAnew(key: LockKey, wish: RelukkoRequest & Pick<RelukkoDTO, 'creator'>): Promise<Taken> {
    const { creator, ip, seconds = NEW_SECONDS, request, wait, signal } = wish
    const now = this.locks.now()
    const ttl = ttlUntil(now.plusSeconds(seconds), now, this.graceSeconds)
    const asker = { prefix: this.prefix, owner: ownerOf(creator, ip) }
    const written: RelukkoDTO[] = []
    const record = (id: string, lease: LeaseId, created: Timestamp): Op[] => {
      const expiresAt = created.plusSeconds(seconds)
      const times = { createdAt: created, updatedAt: created, expiresAt }
      const lock = new RelukkoDTO({ id, lockName: wish.lockName as string, creator, ip, ...times })
      written.push(lock)
      return [putRecord({ lock, name: key.name, request }, lease)]
    }
    const terms = { concurrency: 1, ttl, wait, ...(signal && { signal }) }
    const holding = await this.locks.acquire(asker, key.name, terms, record)
    const { uuid: id, created, token: fencingToken } = holding
    // Of several attempts it is that which etcd has taken. None, when another server was asked for it, too, and knew it.
    const lock =
      written.find(({ createdAt }) => String(createdAt) === created) ?? (await this.sight.see(key, id)).lock
    this.recent.set(holding.key, lock)
    return { lock, fencingToken }
  }

  /**
   * The lock of an exclusive holder that has asked in the same words, and may not have got its answer. Unless it is known to be held
   * from here, it is put on a lease of our own: the server that took it may not know yet that it did, and gives up its lease.
   */
  private async takenBefore(key: LockKey, request: string): Promise<Taken | undefined> {
    const found = await this.locks.read(key.path, async reader => {
      const { holders } = await reader.snapshot(key)
      const [holder] = holders
      if (!holder || holders.size > 1) return undefined
      const [id, { createRevision: fencingToken }] = holder
      const seen = await this.sight.look(reader, key, id)
      return seen?.request === request ? { id, lock: seen.lock, fencingToken } : undefined
    })
    if (!found) return undefined
    const { id, fencingToken } = found
    if (this.locks.isHeldHere(key, id)) return found
    try {
      return { lock: await this.rewrite(key, id, lock => lock), fencingToken }
    } catch (error) {
      if (error instanceof RelukkoNotFoundError) return undefined
      throw error
    }
  }
}

function putRecord(record: Parameters<typeof formatRecord>[0], lease: LeaseId): Op {
  return { type: 'put', key: LockKey.record(record.lock.id), value: formatRecord(record), lease }
}

/** An owner is a text that is not empty; a creator may be missing. */
function ownerOf(creator: string | null, ip: string): string {
  return creator || `a Relukko client at ${ip}`
}
