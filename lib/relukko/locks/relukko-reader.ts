import type { LockReader } from '../../lock/api/index.js'
import type { LockService } from '../../lock/api/lock-service.js'
import { LockKey } from '../../protocol/lock-key.js'
import { keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import { RelukkoNotFoundError } from '../errors.js'
import { keyListing, listed, listedAsJson } from './listed.js'
import { dtoOf, isForeign, parseRecord } from './record.js'
import type { RelukkoDTO } from '../relukko-dto.js'

/** How long a call bears with an etcd that cannot be reached. */
export const BOUND_MS = 5_000

/** A lock and what was true of it at one revision. */
export interface Seen {
  readonly lock: RelukkoDTO
  readonly request: string | undefined
  /** It was not taken through Relukko: its holder relies on what it was promised. */
  readonly isForeign: boolean
  readonly snapshot: Snapshot
}

/** What is to be seen of Relukko's locks, by their ids. */
export class RelukkoReader {
  constructor(
    private readonly locks: LockService,
    private readonly prefix: string,
  ) {}

  /** Each lock is made when it is asked for. */
  all(): Promise<Iterable<RelukkoDTO>> {
    return this.locks.read(LockKey.records.key, reader => listed(reader, this.prefix, () => this.locks.now()))
  }

  /** Where a lock comes as a text, that is its JSON. */
  allAsJson(): Promise<Iterable<RelukkoDTO | string>> {
    return this.locks.read(LockKey.records.key, reader =>
      listedAsJson(reader, this.prefix, () => this.locks.now()),
    )
  }

  /** The lock that is held under this id: of one without a record, it is looked for among all. @throws RelukkoNotFoundError */
  async keyOf(id: string): Promise<LockKey> {
    const key = LockKey.record(id)
    const { results } = await this.locks.read(key, reader => reader.ranges([{ key }]))
    const record = parseRecord(results[0]![0])
    if (record) return new LockKey(this.prefix, record.name)
    const found = await this.locks.read(key, reader => keyListing(reader, this.prefix, id))
    if (!found) throw notFound(id)
    return found
  }

  /** @throws RelukkoNotFoundError, EtcdLockUnavailableError */
  async see(key: LockKey, id: string): Promise<Seen> {
    const seen = await this.locks.read(key.path, reader => this.look(reader, key, id))
    if (!seen) throw notFound(id)
    return seen
  }

  /** Undefined when it is not held. One attempt. @throws StoreError */
  async look(reader: LockReader, key: LockKey, id: string): Promise<Seen | undefined> {
    const { snapshot, kv } = await reader.snapshotBeside(key, LockKey.record(id))
    const now = this.locks.now()
    const live = keyLocksOf(snapshot).live({ now, alive: snapshot.holders })
    const entry = live.find(({ uuid }) => uuid === id)
    if (!entry) return undefined
    const record = parseRecord(kv)
    const lock = dtoOf(key, entry, { holder: snapshot.holders.get(id), record, now })
    return { lock, request: record?.request, isForeign: isForeign(lock), snapshot }
  }
}

export function notFound(id: string): RelukkoNotFoundError {
  return new RelukkoNotFoundError(`No lock has the id ${JSON.stringify(id)} (any more).`)
}
