import { eventRevision, type KeyEvent, type KeyRange } from '../../kv/key-value.js'
import type { Timestamp } from '../../model/timestamp.js'
import { decide, watchedByAll } from '../../protocol/decide.js'
import { idIn } from '../../protocol/lock-key.js'
import { heldSnapshot } from '../../protocol/held-snapshot.js'
import { applyEvent, type Snapshot } from '../../protocol/snapshot.js'
import { areWhole } from '../../protocol/whole-news.js'
import type { CallOptions, Watch } from '../../store/store.js'
import { translated } from '../../store/retry.js'
import type { StopSignal } from '../../time/abort-signal.js'
import type { Coordinator } from '../engine/coordinator.js'
import type { Engine } from '../engine/engine.js'
import type { LocalWaiter } from '../engine/local-queue.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'
import type { OwnKeysListener } from '../engine/own-keys-watch.js'

/** How often etcd is read again although no watch has reported anything, in case one has missed a change. */
const REREAD_MS = 30_000
/**
 * One transaction changes the KeyLocks and a holder key, and two watches report them: how long to wait for the second
 * report. It is seldom late at all.
 */
const SECOND_REPORT_MS = 20
/**
 * How long the first waiter of a process, since it has seen the queue move, leaves it to others to hand it the lock. Then it
 * watches those before it. A hand-over usually comes first, and a watch for each would cost more than all the rest.
 */
const PATIENCE_MS = 50

export interface QueueWatcherOptions {
  /** Whether whole queues are read, every two seconds, since somebody is shown them. */
  readonly isShown: boolean
  /** Whether a release may hand it the lock. Otherwise it takes the lock itself, and watches those before it at once. */
  readonly isHandedOver: boolean
  /** A release of this process is about to hand the lock over: the leases are to be fresh then. */
  readonly onHandOver: () => void
}

/** How often the state is read again that somebody is shown. */
const SHOWN_REREAD_MS = 2_000

/**
 * Tells one waiter of what concerns its place in the queue, and returns the current snapshots.
 *
 * Waiters of one lock share a watch of their holder keys. Only the first of a process watches what is before it: the others are
 * told by the {@link Coordinator} when they become the first. Who waits for several locks at once is alone, and watches all.
 */
export class QueueWatcher implements OwnKeysListener, LocalWaiter {
  readonly uuid: string
  private readonly watches = new Map<string, Watch>()
  private events: KeyEvent[] = []
  private stale = false
  private wake: () => void = () => {}
  private stop: () => void = () => {}
  /** Resolves at the end of the wait. Made by the first {@link next}: most locks are granted without a wait. */
  private stopped: Promise<void> | undefined
  /** Of a single lock. */
  private readonly coordinator: Coordinator | undefined
  /** The watch of its own keys; undefined while there is none. */
  private own: { readonly ready: Promise<unknown>; isNew: boolean } | undefined
  private granted: Snapshot | undefined
  /** Monotonic: since when it is the first waiter of its process; undefined while it is not. */
  private firstSince: number | undefined
  private isPromoted = false

  constructor(
    private readonly engine: Engine,
    private readonly targets: readonly LockTarget[],
    private readonly signal: StopSignal,
    private readonly options: QueueWatcherOptions,
  ) {
    const [first] = targets as readonly [LockTarget]
    this.uuid = first.terms.uuid
    this.coordinator = targets.length === 1 ? engine.coordinator(first.key) : undefined
    this.coordinator?.enter()
  }

  /** Before a ticket is taken: what the watch of its process tells from now on is not missed. */
  prepare(): void {
    // Who is shown its place has to read the whole queue anyway.
    if (this.coordinator?.hasWaiters && !this.options.isShown) this.watchOwnKeys('before the ticket')
  }

  /**
   * Waits until something may have changed since it was `seen`, at the latest until an entry expires at
   * `until`. When other keys must be watched than before, it opens those watches, reads etcd and returns.
   * @throws EtcdLockUnavailableError, LockError
   */
  async next(seen: readonly TargetSnapshot[], until: Timestamp | undefined): Promise<readonly Snapshot[]> {
    const snapshots = seen.map(({ snapshot }) => snapshot)
    this.stopped ??= this.listen()
    const ticket = snapshots[0]!.tickets.get(this.uuid)
    if (ticket) this.coordinator?.attend(this.uuid, this, ticket.createRevision)
    for (;;) {
      if (this.signal.aborted) return snapshots
      const granted = this.takeGranted(snapshots[0]!.revision)
      if (granted) return granted
      if (this.watch(seen)) {
        // Reads only when every watch is established: no watch reports a change that was made before it.
        await Promise.race([this.watching(), this.stopped])
        return this.read(snapshots)
      }
      if (!this.hasNews) await this.woken(Math.min(this.msUntil(until), this.msOfPatience))
      if (this.granted || this.isWithoutNews) continue
      // A waiter that saw a holder key go before the KeyLocks changes would try a grant that must fail: one wasted call at each hand-over.
      if (!this.stale && !this.seesWhole(snapshots)) await this.woken(SECOND_REPORT_MS)
      if (this.stale || this.events.length === 0) return this.read(snapshots)
      const news = this.events.splice(0)
      return snapshots.map(snapshot => this.apply(news, snapshot))
    }
  }

  /** Something may have happened that no watch reports: etcd is read again. */
  look(): void {
    this.stale = true
    this.wake()
  }

  onEvents(events: readonly KeyEvent[]): void {
    this.events.push(...events)
    this.wake()
  }

  onGap(): void {
    this.look()
  }

  /** One watch is refused, and the others would be known to nobody: all are opened again where they are wanted. */
  onEnd(): void {
    this.closeWatches()
    this.look()
  }

  onHandOver(): void {
    this.options.onHandOver()
  }

  onGranted(snapshot: Snapshot): void {
    this.granted = snapshot
    this.wake()
  }

  onFirst(): void {
    this.firstSince = this.engine.clock.monotonic()
    this.isPromoted = true
    if (this.isFree) this.look()
    else this.wake()
  }

  onProgress(): void {
    if (this.firstSince !== undefined) this.firstSince = this.engine.clock.monotonic()
  }

  onFreed(): void {
    this.look()
  }

  close(): void {
    this.signal.removeEventListener('abort', this.onAbort)
    this.closeWatches()
    this.coordinator?.leave(this.uuid)
    this.onAbort()
  }

  private readonly onAbort = (): void => {
    this.stop()
    this.wake()
  }

  private listen(): Promise<void> {
    this.signal.addEventListener('abort', this.onAbort)
    return new Promise(resolve => {
      this.stop = resolve
      if (this.signal.aborted) resolve()
    })
  }

  private get hasNews(): boolean {
    return this.stale || this.events.length > 0 || this.granted !== undefined
  }

  /** Whether it could take the lock by what this process knows: several may fit at once, and a release hands over to some only. */
  private get isFree(): boolean {
    const [{ key, terms }] = this.targets as readonly [LockTarget]
    const seen = this.engine.snapshots.get(key)
    const [first] = seen.tickets.keys()
    return first === this.uuid && decide(seen, terms, this.engine.clock.now()).kind === 'grant'
  }

  /** Milliseconds until it watches those before it; Infinity when it does already, or others of its process do. */
  private get msOfPatience(): number {
    if (this.firstSince === undefined || this.watches.size > 0) return Infinity
    const patience = this.options.isHandedOver ? PATIENCE_MS : 0
    return Math.max(0, this.firstSince + patience - this.engine.clock.monotonic())
  }

  private get isOutOfPatience(): boolean {
    return this.msOfPatience === 0
  }

  /** It has become the first, or is patient still: a timer may be early. That alone is no reason to look. */
  private get isWithoutNews(): boolean {
    const { isPromoted } = this
    this.isPromoted = false
    return this.isOutOfPatience || (!this.hasNews && (isPromoted || this.msOfPatience < Infinity))
  }

  /**
   * What it was granted, unless it has seen what came after: the lease may be gone that the grant was on, and a new ticket may stand.
   */
  private takeGranted(seen: bigint): readonly Snapshot[] | undefined {
    const { granted } = this
    this.granted = undefined
    if (!granted || granted.revision < seen) return undefined
    this.stale = false
    return [after(granted, this.events.splice(0))]
  }

  /** Watches what is to be watched now. Returns whether a change may have been missed until the watches are established. */
  private watch(seen: readonly TargetSnapshot[]): boolean {
    const ranges = watchedByAll(seen, this.engine.clock.now())
    const { coordinator, uuid } = this
    if (!coordinator) return this.moveTo(ranges)
    this.watchOwnKeys('after the ticket')
    const { isNew } = this.own!
    this.own!.isNew = false
    const { key } = coordinator
    const isOwn = (path: string): boolean => path === key.holder(uuid) || path === key.forced(uuid)
    const isWatching = this.isOutOfPatience || this.watches.size > 0
    const isMore = isWatching && this.moveTo(ranges.filter(range => !isOwn(range.key)))
    return isNew || isMore
  }

  /**
   * A watch that stands tells this waiter of nothing that came before it was added:
   *
   *     the ticket is put · a release hands over to it · the watch tells the others of its process · it is added
   */
  private watchOwnKeys(when: 'before the ticket' | 'after the ticket'): void {
    if (this.own) return
    const { ready, isReady } = this.coordinator!.ownKeys.add(this)
    this.own = { ready, isNew: !isReady || when === 'after the ticket' }
  }

  private closeWatches(): void {
    for (const watch of this.watches.values()) watch.close()
    this.watches.clear()
    if (this.own) this.coordinator!.ownKeys.delete(this)
    this.own = undefined
  }

  /** Opens the watches of these ranges and closes all others. Returns whether any was opened. */
  private moveTo(ranges: readonly KeyRange[]): boolean {
    const wanted = new Map(ranges.map(range => [range.key, range]))
    for (const [key, watch] of this.watches) {
      if (wanted.has(key)) continue
      watch.close()
      this.watches.delete(key)
    }
    const fresh = ranges.filter(({ key }) => !this.watches.has(key))
    for (const range of fresh) this.watches.set(range.key, this.engine.store.watch(range, this))
    return fresh.length > 0
  }

  private async watching(): Promise<void> {
    try {
      await Promise.all([this.own?.ready, ...[...this.watches.values()].map(watch => watch.ready)])
    } catch (error) {
      throw translated(error, pathOf(this.targets))
    }
  }

  private async read(snapshots: readonly Snapshot[]): Promise<readonly Snapshot[]> {
    if (this.signal.aborted) return snapshots
    this.stale = false
    const { engine, signal, targets } = this
    const fresh = await engine.retry({ path: pathOf(targets) }, within => this.readOnce(within), { signal })
    this.events = this.events.filter(event => eventRevision(event) > fresh[0]!.revision)
    return fresh
  }

  private async readOnce(within: CallOptions): Promise<readonly Snapshot[]> {
    const { coordinator, engine, targets, uuid } = this
    if (coordinator && !this.options.isShown) return [await engine.readQueue(coordinator.key, uuid, within)]
    return engine.read(
      targets.map(({ key }) => key),
      within,
    )
  }

  /** Of a grant the own holder key tells more than what was known before it. */
  private apply(news: readonly KeyEvent[], snapshot: Snapshot): Snapshot {
    const newer = news.filter(event => eventRevision(event) > snapshot.revision)
    const path = snapshot.key.holder(this.uuid)
    const isGrant = (event: KeyEvent): boolean =>
      event.type === 'put' && event.kv.key === path && idIn(event.kv) === this.uuid
    const grant = this.coordinator && newer.findLast(isGrant)
    const held = grant?.type === 'put' ? heldSnapshot(snapshot.key, grant.kv) : undefined
    // What came after the grant may have taken it away again.
    return held ? after(held, newer) : newer.reduce(applyEvent, snapshot)
  }

  /** Whether both watches of each lock whose KeyLocks is watched have reported the same last transaction. */
  private seesWhole(snapshots: readonly Snapshot[]): boolean {
    return snapshots.every(({ key }) => !this.watches.has(key.path) || areWhole(key, this.events))
  }

  private msUntil(time: Timestamp | undefined): number {
    return time === undefined ? Infinity : this.engine.clock.now().secondsUntil(time) * 1000 + 1
  }

  private woken(ms: number): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    const longest = this.options.isShown ? SHOWN_REREAD_MS : REREAD_MS
    return new Promise(resolve => {
      const timer = this.engine.clock.timer(Math.min(Math.max(ms, 1), longest), () => this.wake())
      this.wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

function after(snapshot: Snapshot, events: readonly KeyEvent[]): Snapshot {
  return events.filter(event => eventRevision(event) > snapshot.revision).reduce(applyEvent, snapshot)
}

function pathOf(targets: readonly LockTarget[]): string {
  return targets.map(({ key }) => key.path).join(', ')
}
