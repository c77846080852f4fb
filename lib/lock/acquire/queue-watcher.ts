import type { KeyEvent } from '../../kv/key-value.js'
import type { Timestamp } from '../../model/timestamp.js'
import { decide, watchedBy } from '../../protocol/decide.js'
import { mayBeHandedOver } from '../../protocol/hand-over.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { translated } from '../../store/retry.js'
import type { StopSignal } from '../../time/abort-signal.js'
import type { Coordinator } from '../engine/coordinator.js'
import type { Engine } from '../engine/engine.js'
import type { LocalWaiter } from '../engine/local-queue.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'
import type { OwnKeysListener } from '../engine/own-keys-watch.js'
import { QueueNews } from './queue-news.js'
import { QueueWatches } from './queue-watches.js'
import { Sleep } from './sleep.js'
import { REREAD_MS, SECOND_REPORT_MS, SHOWN_REREAD_MS, type Waiting, type WaitingAttempt } from './waiting.js'

/**
 * How long the first waiter of a process, since it has seen the queue move, leaves it to others to hand it the lock. Then it
 * watches those before it. A hand-over usually comes first, and a watch for each would cost more than all the rest.
 */
const PATIENCE_MS = 50

/**
 * Tells one waiter of what concerns its place in the queue, and returns the current snapshots.
 *
 * Waiters of one lock share a watch of their holder keys. Only the first of a process watches what is before it: the others are
 * told by the {@link Coordinator} when they become the first.
 */
export class QueueWatcher implements Waiting, OwnKeysListener, LocalWaiter {
  readonly uuid: string
  readonly local = this
  private readonly watches: QueueWatches
  private readonly news: QueueNews
  private readonly sleep: Sleep
  private readonly coordinator: Coordinator
  /** Monotonic: since when it is the first waiter of its process; undefined while it is not. */
  private firstSince: number | undefined
  private isPromoted = false
  /**
   * A watch was opened, which tells of nothing that came before: etcd is to be read when all of them stand. Monotonic: since when, or since
   * it was read without them.
   */
  private openingSince: number | undefined
  /** It is told when it becomes the first. */
  private isAttended = false

  /** @param isShown whether whole queues are read, every two seconds, since somebody is shown them. */
  constructor(
    private readonly engine: Engine,
    private readonly target: LockTarget,
    private readonly signal: StopSignal,
    private readonly attempt: Pick<WaitingAttempt, 'renewLeases'>,
    private readonly isShown: boolean,
  ) {
    this.uuid = target.terms.uuid
    this.coordinator = engine.coordinator(target.key)
    this.coordinator.enter()
    this.watches = new QueueWatches(engine.store, this.coordinator, this)
    this.news = new QueueNews(this.uuid)
    this.sleep = new Sleep(engine.clock, signal)
  }

  /** Before a ticket is taken: what the watch of its process tells from now on is not missed. */
  prepare(): void {
    // It had a ticket before, and watches those that were before it. The answer to its join may show them at a revision after their ends:
    //
    //     it waits behind B, and watches B · the leases of both tickets end · it joins again, and takes along a release that compares no ticket
    //
    // The news that B has gone would be dropped as older than that snapshot, and it would wait for B: so it reads.
    if (this.watches.areThere) this.news.isStale = true
    // Who is shown its place has to read the whole queue anyway.
    if (this.coordinator.hasWaiters && !this.isShown) this.watches.watchOwnKeys('before the ticket')
  }

  /**
   * Waits until something may have changed since it was `seen`, at the latest until an entry expires at
   * `until`. When other keys must be watched than before, it opens those watches, reads etcd and returns.
   * @throws EtcdLockUnavailableError, LockError
   */
  async next(seen: readonly TargetSnapshot[], until: Timestamp | undefined): Promise<readonly Snapshot[]> {
    const snapshots = seen.map(({ snapshot }) => snapshot)
    const ticket = snapshots[0]!.tickets.get(this.uuid)
    if (ticket) this.coordinator.attend(this.uuid, this, ticket.createRevision)
    this.isAttended = ticket !== undefined
    for (;;) {
      if (this.signal.aborted) return snapshots
      const granted = this.news.takeGranted(snapshots[0]!.revision)
      if (granted) return granted
      if (this.watch(seen)) this.openingSince ??= this.engine.clock.monotonic()
      if (this.openingSince !== undefined) {
        if (!this.news.hasEvents && (await this.areStanding(this.msWithoutWatches(until)))) {
          this.watches.stand()
          this.openingSince = undefined
          return this.read(snapshots)
        }
        // Etcd, or a proxy before it, may answer calls and no watch. Whatever comes before they stand is read again then.
        if (this.msWithoutWatches(until) <= 0) {
          this.openingSince = this.engine.clock.monotonic()
          return this.read(snapshots)
        }
        // A watch may stay away for long, or have ended, so that it never comes. What is known without it does not wait for that.
        if (this.news.isEmpty || this.news.hasGrant) continue
        return this.news.apply(snapshots)
      }
      if (this.news.isEmpty) await this.woken(Math.min(this.msUntil(until), this.msOfPatience))
      if (this.news.hasGrant || this.isWithoutNews) continue
      // A waiter that saw a holder key go before the KeyLocks changes would try a grant that must fail: one wasted call at each hand-over.
      if (!this.news.isStale && !this.seesWhole(snapshots)) await this.woken(SECOND_REPORT_MS)
      if (this.news.isReadDue) return this.read(snapshots)
      return this.news.apply(snapshots)
    }
  }

  /** Something may have happened that no watch reports: etcd is read again. */
  look(): void {
    this.news.isStale = true
    this.sleep.end()
  }

  onEvents(events: readonly KeyEvent[]): void {
    this.news.add(events)
    this.sleep.end()
  }

  onGap(): void {
    this.look()
  }

  onEnd(error: Error): void {
    this.watches.end(error)
    this.look()
  }

  onHandOver(): boolean {
    return this.attempt.renewLeases()
  }

  onGranted(snapshot: Snapshot): void {
    this.news.grant(snapshot)
    this.sleep.end()
  }

  onFirst(): void {
    this.firstSince = this.engine.clock.monotonic()
    this.isPromoted = true
    // Whoever has left before it may have been handed nothing: no release tells of the end of a lease, nor of one by another process.
    if (this.isFree && !this.isBeingHandedTo()) this.look()
    else this.sleep.end()
  }

  onProgress(): void {
    if (this.firstSince !== undefined) this.firstSince = this.engine.clock.monotonic()
  }

  onFreed(): void {
    if (this.isFree) this.look()
  }

  close(): void {
    this.watches.close()
    this.coordinator.leave(this.uuid)
    this.sleep.close()
  }

  /** Whether it could take the lock by what this process knows: several may fit at once, and a release hands over to some only. */
  private get isFree(): boolean {
    const { key, terms } = this.target
    const seen = this.engine.snapshots.get(key)
    const [first] = seen.tickets.keys()
    return first === this.uuid && decide(seen, terms, this.engine.clock.now()).kind === 'grant'
  }

  /** By what this process has sent, if only for this. */
  private isBeingHandedTo(): boolean {
    return this.isHandedOver && this.coordinator.handTo(this.uuid)
  }

  /** Others of its process stand before it, of which each becomes the first before it does. */
  private get isBehindOthers(): boolean {
    return this.isAttended && this.firstSince === undefined
  }

  /** Milliseconds until it watches those before it; Infinity when it does already, or others of its process do. */
  private get msOfPatience(): number {
    if (this.firstSince === undefined || this.watches.areThere) return Infinity
    const patience = this.isHandedOver ? PATIENCE_MS : 0
    return Math.max(0, this.firstSince + patience - this.engine.clock.monotonic())
  }

  /** Whether a release may hand it the lock. Otherwise it takes the lock itself, and watches those before it at once. */
  private get isHandedOver(): boolean {
    const { extraOps, terms } = this.target
    return mayBeHandedOver(terms.ttl) && !extraOps
  }

  private get isOutOfPatience(): boolean {
    return this.msOfPatience === 0
  }

  /** It has become the first, or is patient still: a timer may be early. That alone is no reason to look. */
  private get isWithoutNews(): boolean {
    const { isPromoted } = this
    this.isPromoted = false
    return this.isOutOfPatience || (this.news.isEmpty && (isPromoted || this.msOfPatience < Infinity))
  }

  /** Watches what is to be watched now. Returns whether a change may have been missed until the watches are established. */
  private watch(seen: readonly TargetSnapshot[]): boolean {
    const ranges = watchedBy(seen[0]!.snapshot, this.uuid)
    return this.watches.watch(ranges, this.isOutOfPatience || this.watches.areThere)
  }

  /** Whether all watches stand within so many milliseconds. Otherwise something else is looked at. @throws EtcdLockUnavailableError, LockError */
  private async areStanding(ms: number): Promise<boolean> {
    const { sleep, target, watches } = this
    try {
      if (watches.refusal) throw watches.refusal
      return await sleep.until(watches.ready, ms)
    } catch (error) {
      throw translated(error, target.key.path)
    }
  }

  private async read(snapshots: readonly Snapshot[]): Promise<readonly Snapshot[]> {
    if (this.signal.aborted) return snapshots
    this.news.isStale = false
    const { engine, signal, target } = this
    const fresh = await engine.retry({ path: target.key.path }, within => this.readOnce(within), { signal })
    this.news.dropUpTo(fresh[0]!.revision)
    return fresh
  }

  private async readOnce(within: CallOptions): Promise<readonly Snapshot[]> {
    const { engine, target, uuid } = this
    if (this.isShown) return engine.read([target.key], within)
    return [await engine.queueReads.read(target.key, uuid, within)]
  }

  private seesWhole(snapshots: readonly Snapshot[]): boolean {
    return this.news.areWhole(snapshots, path => this.watches.has(path))
  }

  private msUntil(time: Timestamp | undefined): number {
    return time === undefined ? Infinity : this.engine.clock.now().secondsUntil(time) * 1000 + 1
  }

  /** Milliseconds until it reads although some watch does not stand yet. */
  private msWithoutWatches(until: Timestamp | undefined): number {
    return Math.min(this.msUntil(until), this.openingSince! + this.rereadMs - this.engine.clock.monotonic())
  }

  private get rereadMs(): number {
    return this.isShown ? SHOWN_REREAD_MS : this.isBehindOthers ? Infinity : REREAD_MS
  }

  private woken(ms: number): Promise<void> {
    return this.sleep.atMost(Math.min(ms, this.rereadMs))
  }
}
