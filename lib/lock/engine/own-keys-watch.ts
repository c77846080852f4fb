import { eventKey, type KeyEvent, type KeyRange, withPrefix } from '../../kv/key-value.js'
import { processOf, slotOf } from '../../model/lock-id.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { Store, Watch, WatchListener } from '../../store/store.js'

/** Told of the holder key and the marker of one id. */
export interface OwnKeysListener extends WatchListener {
  readonly uuid: string
}

/**
 * Watches, for all waiters of this process in one queue, their holder keys and their markers: the ids of a process begin alike, so
 * that these are one range. A hand-over costs the process one event then, however many of it wait.
 */
export class OwnKeysWatch {
  private readonly groups = new Map<string, Group>()

  constructor(
    private readonly store: Store,
    private readonly key: LockKey,
  ) {}

  /** Tells of what changes from now on, once `ready` has resolved. */
  add(listener: OwnKeysListener): { readonly ready: Promise<unknown>; readonly isReady: boolean } {
    const id = processOf(listener.uuid) ?? listener.uuid
    let group = this.groups.get(id)
    if (!group) {
      group = new Group(this.store, this.key, this.rangesOf(listener.uuid), () => this.groups.delete(id))
      if (!group.isOver) this.groups.set(id, group)
    }
    group.listeners.set(slotOf(listener.uuid), listener)
    return group
  }

  delete({ uuid }: OwnKeysListener): void {
    const id = processOf(uuid) ?? uuid
    const group = this.groups.get(id)
    group?.listeners.delete(slotOf(uuid))
    if (group?.listeners.size !== 0) return
    this.groups.delete(id)
    group.close()
  }

  private rangesOf(uuid: string): KeyRange[] {
    const { holders, markers } = this.key
    const start = processOf(uuid)
    return [holders, markers].map(({ key }) =>
      start === undefined ? { key: key + uuid } : withPrefix(key + start),
    )
  }
}

/** The watch of those whose ids begin alike. */
class Group implements WatchListener {
  /** By their slots, which their holder keys end with. */
  readonly listeners = new Map<string, OwnKeysListener>()
  isReady = false
  readonly ready: Promise<unknown>
  /** Also when the store refuses a watch at once: nothing is to be expected of it then. */
  isOver = false
  private readonly watches: Watch[] = []

  constructor(
    store: Store,
    private readonly key: LockKey,
    ranges: readonly KeyRange[],
    private readonly onClosed: () => void,
  ) {
    // Not one watch of both: that would hold back a grant until it is known that no marker came before it.
    for (const range of ranges) this.watches.push(store.watch(range, this))
    this.ready = Promise.all(this.watches.map(({ ready }) => ready))
    this.ready.then(
      () => (this.isReady = true),
      () => {},
    )
  }

  onEvents(events: readonly KeyEvent[]): void {
    for (const event of events) this.listeners.get(this.slotIn(event))?.onEvents([event])
  }

  onGap(): void {
    for (const listener of this.listeners.values()) listener.onGap()
  }

  onEnd(error: Error): void {
    this.isOver = true
    this.close()
    this.onClosed()
    for (const listener of this.listeners.values()) listener.onEnd(error)
  }

  close(): void {
    for (const watch of this.watches) watch.close()
  }

  private slotIn(event: KeyEvent): string {
    const path = eventKey(event)
    const { holders, markers } = this.key
    return slotOf(path.slice((path.startsWith(holders.key) ? holders : markers).key.length))
  }
}
