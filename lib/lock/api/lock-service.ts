import type { Logger } from 'pino'
import type { KeyRange, KeyValue, LeaseId } from '../../kv/key-value.js'
import { type Op, readsOf } from '../../kv/transaction.js'
import type { ConcurrentLock } from '../../model/concurrent-lock.js'
import type { LockState } from '../../model/lock-state.js'
import type { Timestamp } from '../../model/timestamp.js'
import type { ForceReleaseMarker } from '../../protocol/force.js'
import type { LockEvent } from '../../protocol/lock-event.js'
import { LockKey } from '../../protocol/lock-key.js'
import { lockKey } from '../../protocol/lock-name.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { acquire } from '../acquire/acquire.js'
import { checkAvailable } from '../acquire/unavailable-error.js'
import { waitReport } from '../acquire/wait-report.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import { openEngine } from '../engine/open-engine.js'
import { reading } from '../engine/reading.js'
import { extendById } from '../extend/extend.js'
import { rewrite, type Rewriting } from '../extend/rewrite.js'
import type { HeldLock, HeldLocks } from '../hold/held-lock.js'
import { LockHandle, LockSetHandle, type ReleaseQuietly } from '../hold/lock-handle.js'
import { type ChangeMapper, events } from '../observe/change-mapper.js'
import { EventFeed, type FeedCursor } from '../observe/event-feed.js'
import { leftOf } from '../observe/leases-left.js'
import { listStates } from '../observe/list.js'
import { stateOf } from '../observe/lock-state.js'
import type { AcquireOptions, HoldAllOptions } from '../options/acquire-options.js'
import { type AcquireRequest, type Asker, requestOne } from '../options/acquire-request.js'
import { checkId } from '../options/check-arguments.js'
import { forceRelease } from '../release/force-release.js'
import { type ReleaseOptions, releaseById } from '../release/release.js'
import { LockReader } from './lock-reader.js'

/** How long a change may take while etcd cannot be reached; two minutes when not given. */
export interface Patience {
  readonly withinMs?: number
}

/** What is written in the transaction that grants a lock under an id, held since `created`. */
export type Beside = (id: string, lease: LeaseId, created: Timestamp) => readonly Op[]

/**
 * The locks of all prefixes and owners over one connection to etcd. `Lock`, the HTTP server, the command and Relukko
 * are made of it, so that each of them refuses the same things in the same words. Names are checked where keys are
 * made of them, by `lockKey`.
 */
export class LockService {
  constructor(private readonly engine: Engine) {}

  /** On the caller's store, or on a connection of its own. @throws LockConfigError, LockError when etcd3 cannot be loaded. */
  static async open(options: Parameters<typeof openEngine>[0]): Promise<LockService> {
    return new LockService(await openEngine(options))
  }

  get log(): Logger {
    return this.engine.log
  }

  /** By the clock of this host. */
  now(): Timestamp {
    return this.engine.clock.now()
  }

  /**
   * Waits in the queue for one lock, and holds it under a new id until it is released or its ttl is over.
   * @throws InvalidLockError for a bad owner, name or option, LockUnavailableError when the wait is over,
   * EtcdLockUnavailableError, LockUnreadableError, LockError, and the reason of an aborted `signal`.
   */
  async acquire(asker: Asker, name: string, options: AcquireOptions, beside?: Beside): Promise<Holding> {
    const request = requestOne('acquire', { ...asker, ids: this.engine.ids }, name, options)
    const extraOps = beside && ((lease: LeaseId, created: Timestamp) => beside(request.id, lease, created))
    const targets = request.targets.map(target => ({ ...target, ...(extraOps && { extraOps }) }))
    const [holding] = await this.acquireAll({ ...request, targets }, options)
    return holding!
  }

  /** All locks of a request that has been checked, or none. Throws as {@link acquire}. */
  acquireAll(
    { targets, waitMs }: AcquireRequest,
    { signal, onWait }: Pick<HoldAllOptions, 'signal' | 'onWait'>,
  ): Promise<readonly Holding[]> {
    const report = onWait && waitReport(this.engine, onWait)
    return acquire(this.engine, targets, { waitMs, signal, onWait: report })
  }

  /** Whether all locks of a request could be taken now. @throws LockUnavailableError, EtcdLockUnavailableError, LockUnreadableError */
  checkAvailable({ targets }: AcquireRequest): Promise<void> {
    return checkAvailable(this.engine, targets)
  }

  /** The handle of one holding. */
  handle(
    [holding]: readonly Holding[],
    { monitoring }: AcquireRequest,
    releaseQuietly: ReleaseQuietly,
  ): HeldLock {
    return new LockHandle(this.engine, holding!, monitoring[0]!, releaseQuietly)
  }

  /** The handle of several holdings under one id. */
  setHandle(
    holdings: readonly Holding[],
    { monitoring }: AcquireRequest,
    releaseQuietly: ReleaseQuietly,
  ): HeldLocks {
    return new LockSetHandle(this.engine, holdings, monitoring, releaseQuietly)
  }

  /**
   * Lets a holding last for `ttl` seconds from now, or for its own ttl where that is longer. Resolves to the ttl that
   * it has now; undefined when nobody holds under this id (any more).
   * @throws InvalidLockError for a bad id or ttl, LockRenewedError, EtcdLockUnavailableError, LockUnreadableError, LockError.
   */
  async extend(key: LockKey, id: string, ttl: number, patience: Patience = {}): Promise<number | undefined> {
    checkId(id)
    return extendById(this.engine, key, id, ttl, this.within(patience))
  }

  /**
   * Puts a holding on a new lease, with other terms and data of the caller's; undefined when it is not held (any more).
   * Throws as {@link extend}, and what `look` and `rewriting` throw.
   */
  async rewrite<S extends { readonly snapshot: Snapshot }, T>(
    key: LockKey,
    id: string,
    look: (reader: LockReader) => Promise<S | undefined>,
    rewriting: (seen: S, now: Timestamp) => Rewriting<T>,
    patience: Patience,
  ): Promise<T | undefined> {
    checkId(id)
    const lookWithin = (within: CallOptions): Promise<S | undefined> => look(this.reader(within))
    return rewrite(this.engine, key, id, lookWithin, rewriting, this.within(patience))
  }

  /**
   * Releases by id, all locks at once. Resolves to what was held; empty when nobody held under this id (any more).
   * @throws InvalidLockError for a bad id, EtcdLockUnavailableError, LockUnreadableError, LockError.
   */
  release(
    keys: readonly LockKey[],
    id: string,
    { endsLeases = false, ...patience }: Patience & Pick<ReleaseOptions, 'endsLeases'> = {},
  ): Promise<ConcurrentLock[]> {
    return releaseById(this.engine, keys, id, { ...this.within(patience), endsLeases })
  }

  /**
   * Releases one lock by id, and reads in the same transaction what stood at a key that belongs to no lock. Throws as
   * {@link release}; when etcd could not be reached it may be repeated. `kv` is undefined, too, when the answer of etcd was lost.
   */
  async releaseBeside(
    key: LockKey,
    id: string,
    path: string,
    patience: Patience = {},
  ): Promise<{ readonly released: boolean; readonly kv: KeyValue | undefined }> {
    let kv: KeyValue | undefined
    const beside = { key: path, onRead: (found: KeyValue | undefined): void => void (kv = found) }
    const options = { ...this.within(patience), beside, mayBeRepeated: true }
    const released = await releaseById(this.engine, [key], id, options)
    return { released: released.length > 0, kv }
  }

  /**
   * Takes a holding, or a place in the queue, from whoever has it, and leaves a marker that says by whom and why.
   * Resolves to false when nobody holds or waits under this id (any more).
   * @throws InvalidLockError for a bad id, reason or name of who does it, EtcdLockUnavailableError, LockUnreadableError, LockError.
   */
  async forceRelease(
    key: LockKey,
    id: string,
    marker: ForceReleaseMarker,
    patience: Patience = {},
  ): Promise<boolean> {
    checkId(id)
    return forceRelease(this.engine, key, id, marker, this.within(patience))
  }

  /** Holders and waiters. @throws LockUnreadableError, EtcdLockUnavailableError, LockError */
  inspect(key: LockKey): Promise<LockState> {
    return reading(this.engine, key.path, async within => {
      const snapshot = await this.engine.readOne(key, within)
      return stateOf(snapshot, this.now(), await leftOf(this.engine, snapshot.holders.values()))
    })
  }

  /** All locks under a prefix that are held or waited for, by name. @throws EtcdLockUnavailableError, LockError */
  async list(prefix: string): Promise<LockState[]> {
    return [...(await this.states(prefix))]
  }

  /**
   * As {@link list}. Each state is made when it is asked for, so that a server can do other things in between.
   * @param asksLeases whether etcd is asked what is left of leases; otherwise the terms tell.
   */
  states(prefix: string, asksLeases?: boolean): Promise<Iterable<LockState>> {
    return listStates(this.engine, prefix, asksLeases)
  }

  /** What is read for a caller, repeated for five seconds while etcd cannot be reached. @throws EtcdLockUnavailableError, LockError */
  read<T>(path: string, work: (reader: LockReader) => Promise<T>): Promise<T> {
    return reading(this.engine, path, within => work(this.reader(within)))
  }

  /** Whatever happens to the locks under these prefixes, or to those of one name. Throws as `Lock.events`. */
  events(prefixes: readonly string[], name?: string, signal?: AbortSignal): AsyncGenerator<LockEvent, void> {
    if (name !== undefined) prefixes.forEach(prefix => lockKey(prefix, name))
    const isWanted = (event: LockEvent): boolean =>
      prefixes.includes(event.prefix) && (name === undefined || event.name === name)
    const ranges = prefixes.flatMap(prefix => LockKey.toldUnder(prefix))
    return this.feed(ranges, events(isWanted)).events(signal)
  }

  /** Changes of keys, in the caller's terms. @param cursor lets a feed go on where another has ended. */
  feed<T>(ranges: readonly KeyRange[], mapper: ChangeMapper<T>, cursor?: FeedCursor): EventFeed<T> {
    return new EventFeed(this.engine, ranges, mapper, cursor)
  }

  /** Whether this process took this holding and has not released it since, as far as it knows. */
  isHeldHere(key: LockKey, id: string): boolean {
    return this.engine.holdings.has(key, id)
  }

  /** A holder key was deleted at this revision that this process may have believed to be held here: its lease is not needed any more. */
  forget(holderKey: string, revision: bigint): void {
    const holding = this.engine.holdings.takeGone(holderKey, revision)
    if (holding) this.engine.pool.discard(holding.lease)
  }

  /** One question to etcd. @throws StoreError when no answer comes. */
  async ping(): Promise<void> {
    await this.engine.commit(readsOf())
  }

  /** Is told how many seconds each transaction takes. */
  set onCommit(listener: (seconds: number, outcome: 'answered' | 'failed') => void) {
    this.engine.onCommit = listener
  }

  /** Ends the waits, the care for what is held, the feeds and the connection, in a few seconds. What is held stays held. */
  close(): Promise<void> {
    return this.engine.close()
  }

  private reader(within: CallOptions): LockReader {
    return new LockReader(this.engine, within)
  }

  private within({ withinMs }: Patience): { readonly budget: ReturnType<Engine['budget']> } {
    return { budget: this.engine.budget(withinMs) }
  }
}
