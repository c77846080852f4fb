import { eventRevision, type KeyEvent, type KeyRange } from '../../kv/key-value.js'
import type { Timestamp } from '../../model/timestamp.js'
import { watchedByAll } from '../../protocol/decide.js'
import { applyEvent, type Snapshot } from '../../protocol/snapshot.js'
import { areWhole } from '../../protocol/whole-news.js'
import type { Watch, WatchListener } from '../../store/store.js'
import type { TargetSnapshot } from '../options/lock-target.js'
import type { Engine } from '../engine/engine.js'
import { translated } from '../../store/retry.js'

/** How often etcd is read again although no watch has reported anything, in case one has missed a change. */
const REREAD_MS = 30_000
/**
 * One transaction changes the KeyLocks and a holder key, and two watches report them: how long to wait for the second
 * report. It is seldom late at all.
 */
const SECOND_REPORT_MS = 20

/** Watches, for one waiter, the keys that concern its place in the queue, and returns the current snapshots. */
export class QueueWatcher implements WatchListener {
  private readonly watches = new Map<string, Watch>()
  private events: KeyEvent[] = []
  private stale = false
  private wake: () => void = () => {}
  private stop: () => void = () => {}
  /** Resolves at the end of the wait. Made by the first {@link next}: most locks are granted without a wait. */
  private stopped: Promise<void> | undefined

  constructor(
    private readonly engine: Engine,
    private readonly signal: AbortSignal,
    private readonly rereadMs: number = REREAD_MS,
  ) {}

  /**
   * Waits until something may have changed since it was `seen`, at the latest until an entry expires at
   * `until`. When other keys
   * must be watched than before, it opens those watches, reads etcd and returns.
   * @throws EtcdLockUnavailableError, LockError
   */
  async next(seen: readonly TargetSnapshot[], until: Timestamp | undefined): Promise<readonly Snapshot[]> {
    const snapshots = seen.map(({ snapshot }) => snapshot)
    this.stopped ??= this.listen()
    if (this.moveTo(watchedByAll(seen, this.engine.clock.now()))) {
      // Reads only when every watch is established: no watch reports a change that was made before it.
      await Promise.race([this.watching(snapshots), this.stopped])
      return this.read(snapshots)
    }
    if (this.events.length === 0 && !this.stale) await this.woken(this.msUntil(until))
    // A waiter that saw a holder key go before the KeyLocks changes would try a grant that must fail: one wasted call at each hand-over.
    if (!this.stale && !this.seesWhole(snapshots)) await this.woken(SECOND_REPORT_MS)
    if (this.stale || this.events.length === 0) return this.read(snapshots)
    const news = this.events.splice(0)
    return snapshots.map(snapshot =>
      news.filter(event => eventRevision(event) > snapshot.revision).reduce(applyEvent, snapshot),
    )
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
    for (const watch of this.watches.values()) watch.close()
    this.watches.clear()
    this.look()
  }

  close(): void {
    this.signal.removeEventListener('abort', this.onAbort)
    for (const watch of this.watches.values()) watch.close()
    this.watches.clear()
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

  private async watching(snapshots: readonly Snapshot[]): Promise<void> {
    try {
      await Promise.all([...this.watches.values()].map(watch => watch.ready))
    } catch (error) {
      throw translated(error, pathOf(snapshots))
    }
  }

  private async read(snapshots: readonly Snapshot[]): Promise<readonly Snapshot[]> {
    if (this.signal.aborted) return snapshots
    this.stale = false
    const path = pathOf(snapshots)
    const keys = snapshots.map(({ key }) => key)
    const fresh = await this.engine.retry({ path }, within => this.engine.read(keys, within), {
      signal: this.signal,
    })
    this.events = this.events.filter(event => eventRevision(event) > fresh[0]!.revision)
    return fresh
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
    return new Promise(resolve => {
      const timer = this.engine.clock.timer(Math.min(Math.max(ms, 1), this.rereadMs), () => this.wake())
      this.wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

function pathOf(snapshots: readonly Snapshot[]): string {
  return snapshots.map(({ key }) => key.path).join(', ')
}
