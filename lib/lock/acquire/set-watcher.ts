import type { KeyEvent } from '../../kv/key-value.js'
import type { Asked } from '../../protocol/set-hand-over.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { isFirstIn, type Obstacle, standsBy, stillStands, watchedFor } from '../../protocol/obstacle.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import { translated } from '../../store/retry.js'
import type { WatchListener } from '../../store/store.js'
import type { StopSignal } from '../../time/abort-signal.js'
import type { Timestamp } from '../../model/timestamp.js'
import type { Engine } from '../engine/engine.js'
import type { WaitingSet } from '../engine/waiting-sets.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'
import { RangeWatches } from './range-watches.js'
import { SetView } from './set-view.js'
import { Sleep } from './sleep.js'
import { REREAD_MS, SECOND_REPORT_MS, SHOWN_REREAD_MS, type Waiting, type WaitingAttempt } from './waiting.js'

/** How long holders of this process may keep the lock that a set faces before they are watched: it knows of their releases without that. */
const PATIENCE_MS = 50
/** What seems to be of another process is watched once this one has told all that it knows just now. */
const STRANGE_MS = 1

/**
 * Tells a request for several locks when it may have its turn. What its process does to the locks it hears of without a call. Of what
 * other processes do it watches what it waits for first, and nothing else.
 */
export class SetWatcher implements Waiting, WaitingSet, WatchListener {
  readonly uuid: string
  readonly local = undefined
  readonly keys: readonly LockKey[]
  private readonly sleep: Sleep
  private readonly view: SetView
  private readonly watches: RangeWatches
  /** The lock where it is farthest back; and since when nothing was heard of that, monotonic. */
  private facing: LockKey | undefined
  private facedSince = 0
  /** Resolves when it hears of markers; undefined while it does not. */
  private markers: Promise<unknown> | undefined
  /** A watch was opened, which tells of nothing that came before: etcd is to be read when it stands. */
  private isOpening = false
  /** Something may have happened that nothing reports. */
  private isStale = false
  private hasNews = false
  /** What it sleeps for, and the lock of that as it was then; undefined while it is awake. */
  private sleepsFor: { readonly obstacle: Obstacle; readonly snapshot: Snapshot } | undefined
  /** Monotonic. */
  private rereadAt = Infinity

  /** @param isShown whether somebody is shown the queues. */
  constructor(
    private readonly engine: Engine,
    targets: readonly LockTarget[],
    private readonly signal: StopSignal,
    private readonly attempt: WaitingAttempt,
    private readonly isShown: boolean,
  ) {
    this.uuid = targets[0]!.terms.uuid
    this.keys = targets.map(({ key }) => key)
    this.sleep = new Sleep(engine.clock, signal)
    this.view = new SetView(engine, targets)
    this.watches = new RangeWatches(engine.store, this)
  }

  prepare(): void {
    if (this.engine.sets.size > 0) this.hearOfMarkers('before the tickets')
  }

  async next(seen: readonly TargetSnapshot[]): Promise<readonly Snapshot[]> {
    const { engine, view } = this
    engine.sets.enter(this)
    view.set(seen.map(({ snapshot }) => snapshot))
    if (this.rereadAt === Infinity) this.putOffReading()
    for (;;) {
      this.hearOfMarkers('after the tickets')
      const now = view.now()
      const snapshots = now.map(({ snapshot }) => snapshot)
      if (this.signal.aborted) return snapshots
      const obstacle = view.obstacle(now)
      // What is known already waits for no watch.
      if (this.isReadDue) return this.read(obstacle ? this.msUntil(obstacle.until) : 0)
      if (!obstacle || (this.isShown && this.hasNews)) return this.tell(snapshots)
      const { snapshot } = now[obstacle.at]!
      const patience = this.patienceWith(obstacle, snapshot)
      if (this.watch(obstacle, snapshot, patience)) continue
      this.sleepsFor = { obstacle, snapshot }
      await this.sleep.atMost(Math.min(patience || Infinity, this.msUntil(obstacle.until), this.msToReading))
      this.sleepsFor = undefined
      // To see half of a transaction would be to try a grant that must fail.
      if (!this.isStale && !view.isWhole(obstacle)) await this.sleep.atMost(SECOND_REPORT_MS)
    }
  }

  get asked(): readonly Asked[] | undefined {
    if (!this.sleepsFor || this.signal.aborted) return undefined
    const now = this.view.now()
    if (!now.every(({ snapshot }) => isFirstIn(snapshot, this.uuid))) return undefined
    const { joins } = this.attempt
    return joins && now.map(({ snapshot }, at) => ({ ...joins[at]!, snapshot }))
  }

  onHandOver(): void {
    this.attempt.renewLeases()
  }

  look(): void {
    this.isStale = true
    this.sleep.end()
  }

  onChange(): void {
    this.facedSince = this.engine.clock.monotonic()
    if (this.isBlocked && !this.isShown) return
    this.hasNews = true
    this.sleep.end()
  }

  onEvents(events: readonly KeyEvent[]): void {
    this.view.add(events)
    this.hasNews = true
    this.sleep.end()
  }

  onGap(): void {
    this.look()
  }

  /** One watch is refused: all are opened again where they are wanted, and the refusal is thrown then. */
  onEnd(error: Error): void {
    this.watches.end(error)
    this.stopListening()
    this.look()
  }

  close(): void {
    this.stopListening()
    this.face(undefined)
    this.engine.sets.leave(this)
    this.sleep.close()
  }

  private tell(snapshots: readonly Snapshot[]): readonly Snapshot[] {
    this.hasNews = false
    return snapshots
  }

  /** Whether what it sleeps for stands yet, as far as its process knows. */
  private get isBlocked(): boolean {
    if (!this.sleepsFor) return false
    const { obstacle, snapshot } = this.sleepsFor
    const { sets, snapshots } = this.engine
    // Of a waiter of another process it does not know enough: the watch tells.
    if (obstacle.ahead !== undefined && !sets.has(obstacle.ahead)) return false
    return stillStands(obstacle, snapshot, snapshots.get(snapshot.key))
  }

  private get isReadDue(): boolean {
    return this.isOpening || this.isStale || this.msToReading <= 0
  }

  private get msToReading(): number {
    return this.rereadAt - this.engine.clock.monotonic()
  }

  private putOffReading(): void {
    this.rereadAt = this.engine.clock.monotonic() + (this.isShown ? SHOWN_REREAD_MS : REREAD_MS)
  }

  /** Whether all watches stand within so many milliseconds. Otherwise something else is looked at. @throws EtcdLockUnavailableError, LockError */
  private async areStanding(ms: number): Promise<boolean> {
    const { keys, markers, sleep, watches } = this
    try {
      if (watches.refusal) throw watches.refusal
      return await sleep.until(Promise.all([markers, watches.ready]), ms)
    } catch (error) {
      throw translated(error, keys.join(', '))
    }
  }

  /** Reads when all watches stand. After so many milliseconds it returns what is known. @throws EtcdLockUnavailableError, LockError */
  private async read(ms: number): Promise<readonly Snapshot[]> {
    const { engine, keys, signal, view, watches } = this
    const path = keys.join(', ')
    // A watch may stay away for long, or have ended, so that it never comes. Etcd, or a proxy before it, may answer calls all the same.
    if (await this.areStanding(Math.min(ms, this.msToReading))) {
      watches.stand()
      this.isOpening = false
    } else if (signal.aborted || this.msToReading > 0) return view.now().map(({ snapshot }) => snapshot)
    this.isStale = false
    const fresh = await engine.retry({ path }, within => engine.read(keys, within), { signal })
    view.set(fresh)
    this.putOffReading()
    return this.tell(fresh)
  }

  /**
   * A watch that stands tells this waiter of nothing that came before it was added:
   *
   *     the tickets are put · a marker sends them away · the watch tells others · it is added
   */
  private hearOfMarkers(when: 'before the tickets' | 'after the tickets'): void {
    if (this.markers) return
    const { ready, isReady } = this.engine.markers.add(this.keys[0]!.prefix, this)
    this.markers = ready
    this.isOpening ||= !isReady || when === 'after the tickets'
  }

  private face(key: LockKey | undefined): void {
    if (key?.path === this.facing?.path) return
    this.engine.sets.face(this, key, this.facing)
    this.facing = key
    this.facedSince = this.engine.clock.monotonic()
  }

  /** Milliseconds until what it waits for is to be watched; Infinity where its process will tell. */
  private patienceWith(obstacle: Obstacle, snapshot: Snapshot): number {
    const { clock, sets } = this.engine
    const { key } = snapshot
    this.face(key)
    const ids = standsBy(obstacle, snapshot)
    if (obstacle.ahead !== undefined && sets.has(obstacle.ahead)) return Infinity
    const isOurs = ids.length > 0 && ids.every(uuid => this.engine.isOurs(key, uuid))
    return Math.max(0, this.facedSince + (isOurs ? PATIENCE_MS : STRANGE_MS) - clock.monotonic())
  }

  /** Watches it once patience is over, and as long as it stands then. Returns whether etcd is to be read. */
  private watch(obstacle: Obstacle, snapshot: Snapshot, patience: number): boolean {
    const ranges = watchedFor(obstacle, snapshot)
    const isDue = patience === 0 || ranges.every(({ key }) => this.watches.has(key))
    // What was watched is gone. Whoever that was may have been in the way elsewhere, too.
    if (!isDue && this.watches.areThere && patience <= STRANGE_MS) this.isStale = true
    if (this.watches.moveTo(isDue ? ranges : [])) this.isOpening = true
    return this.isReadDue
  }

  private msUntil(time: Timestamp | undefined): number {
    return time === undefined ? Infinity : this.engine.clock.now().secondsUntil(time) * 1000 + 1
  }

  private stopListening(): void {
    this.watches.close()
    if (this.markers) this.engine.markers.delete(this.keys[0]!.prefix, this)
    this.markers = undefined
  }
}
