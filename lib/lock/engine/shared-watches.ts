import { eventKey, type KeyEvent, type WatchedRange } from '../../kv/key-value.js'
import type { Store, Watch, WatchListener } from '../../store/store.js'

/** What is watched for many listeners at once, and whom a change concerns. */
export interface Shared {
  readonly ranges: readonly WatchedRange[]
  /** The name of the listener that a change of this key concerns. */
  nameIn(key: string): string
  tell(listener: WatchListener, event: KeyEvent): void
}

/** Watches that many listeners share. Each is told of what concerns it, and all of them of a gap and of the end. */
export class SharedWatches {
  private readonly groups = new Map<string, Group>()

  constructor(private readonly store: Store) {}

  /** Tells of what changes from now on, once `ready` has resolved. @param shared what those of this group watch */
  add(
    group: string,
    name: string,
    listener: WatchListener,
    shared: () => Shared,
  ): { readonly ready: Promise<unknown>; readonly isReady: boolean } {
    let found = this.groups.get(group)
    if (!found) {
      found = new Group(this.store, shared(), () => this.groups.delete(group))
      if (!found.isOver) this.groups.set(group, found)
    }
    found.listeners.set(name, listener)
    return found
  }

  delete(group: string, name: string, listener: WatchListener): void {
    const found = this.groups.get(group)
    if (found?.listeners.get(name) !== listener) return
    found.listeners.delete(name)
    if (found.listeners.size > 0) return
    this.groups.delete(group)
    found.close()
  }
}

class Group implements WatchListener {
  readonly listeners = new Map<string, WatchListener>()
  isReady = false
  readonly ready: Promise<unknown>
  /** Also when the store refuses a watch at once: nothing is to be expected of it then. */
  isOver = false
  private readonly watches: Watch[] = []

  constructor(
    store: Store,
    private readonly shared: Shared,
    private readonly onClosed: () => void,
  ) {
    // Not one watch of all: that would hold back a change in one range until it is known that none came before it in another.
    for (const range of shared.ranges) this.watches.push(store.watch(range, this))
    // A store that refuses the first at once has been asked for the others all the same.
    if (this.isOver) this.close()
    this.ready = Promise.all(this.watches.map(({ ready }) => ready))
    this.ready.then(
      () => (this.isReady = true),
      () => {},
    )
  }

  onEvents(events: readonly KeyEvent[]): void {
    for (const event of events) {
      const listener = this.listeners.get(this.shared.nameIn(eventKey(event)))
      if (listener) this.shared.tell(listener, event)
    }
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
}
