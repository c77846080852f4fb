import { eventRevision, type KeyEvent } from '../../kv/key-value.js'
import { heldSnapshot } from '../../protocol/held-snapshot.js'
import { idIn } from '../../protocol/lock-key.js'
import { applyEvent, type Snapshot } from '../../protocol/snapshot.js'
import { areWhole } from '../../protocol/whole-news.js'

/** What a waiter has been told, and has not looked at yet. */
export class QueueNews {
  /** Something may have happened that no watch reports: etcd is to be read. */
  isStale = false
  private events: KeyEvent[] = []
  private granted: Snapshot | undefined

  constructor(private readonly uuid: string) {}

  get isEmpty(): boolean {
    return !this.isStale && this.events.length === 0 && !this.granted
  }

  get hasEvents(): boolean {
    return this.events.length > 0
  }

  get hasGrant(): boolean {
    return this.granted !== undefined
  }

  /** Whether the truth is to be read, since the events do not tell it. */
  get isReadDue(): boolean {
    return this.isStale || this.events.length === 0
  }

  add(events: readonly KeyEvent[]): void {
    this.events.push(...events)
  }

  /** A release of this process has granted it the lock. */
  grant(snapshot: Snapshot): void {
    this.granted = snapshot
  }

  /**
   * What it was granted, unless it has seen what came after: the lease may be gone that the grant was on, and a new ticket may stand.
   */
  takeGranted(seen: bigint): readonly Snapshot[] | undefined {
    const { granted } = this
    this.granted = undefined
    if (!granted || granted.revision < seen) return undefined
    this.isStale = false
    return [after(granted, this.events.splice(0))]
  }

  /** The truth was read at this revision: what happened up to it is no news. */
  dropUpTo(revision: bigint): void {
    this.events = this.events.filter(event => eventRevision(event) > revision)
  }

  /** Whether both watches of each lock whose KeyLocks is watched have reported the same last transaction. */
  areWhole(snapshots: readonly Snapshot[], isWatched: (path: string) => boolean): boolean {
    return snapshots.every(({ key }) => !isWatched(key.path) || areWhole(key, this.events))
  }

  /** What is true by the events so far. Its own holder key tells more than what was known. */
  apply(snapshots: readonly Snapshot[]): readonly Snapshot[] {
    const news = this.events.splice(0)
    return snapshots.map(snapshot => this.applied(news, snapshot))
  }

  private applied(news: readonly KeyEvent[], snapshot: Snapshot): Snapshot {
    // The watches of its own keys tell of a grant, and of a release by force after it, in any order, and of no other end of what was granted.
    const newer = news.filter(event => eventRevision(event) > snapshot.revision).sort(byRevision)
    const path = snapshot.key.holder(this.uuid)
    const isGrant = (event: KeyEvent): boolean =>
      event.type === 'put' && event.kv.key === path && idIn(event.kv) === this.uuid
    const grant = newer.findLast(isGrant)
    const held = grant?.type === 'put' ? heldSnapshot(snapshot.key, grant.kv) : undefined
    // What came after the grant may have taken it away again.
    return held ? after(held, newer) : newer.reduce(applyEvent, snapshot)
  }
}

function after(snapshot: Snapshot, events: readonly KeyEvent[]): Snapshot {
  return events.filter(event => eventRevision(event) > snapshot.revision).reduce(applyEvent, snapshot)
}

function byRevision(a: KeyEvent, b: KeyEvent): number {
  return Number(eventRevision(a) - eventRevision(b))
}
