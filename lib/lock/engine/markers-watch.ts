import { eventKey, type KeyEvent } from '../../kv/key-value.js'
import { LockKey } from '../../protocol/lock-key.js'
import type { Store, Watch, WatchListener } from '../../store/store.js'
import type { OwnKeysListener } from './own-keys-watch.js'

/**
 * Watches the markers of all locks under a prefix, for the sets that wait: one watch for all of them, however many locks they want. Markers
 * are rare.
 */
export class MarkersWatch {
  private readonly groups = new Map<string, Group>()

  constructor(private readonly store: Store) {}

  /** Tells of what is put from now on, once `ready` has resolved. */
  add(
    prefix: string,
    listener: OwnKeysListener,
  ): { readonly ready: Promise<void>; readonly isReady: boolean } {
    let group = this.groups.get(prefix)
    if (!group) {
      group = new Group(this.store, prefix, () => this.groups.delete(prefix))
      if (!group.isOver) this.groups.set(prefix, group)
    }
    group.listeners.set(listener.uuid, listener)
    return group
  }

  delete(prefix: string, { uuid }: OwnKeysListener): void {
    const group = this.groups.get(prefix)
    if (!group?.listeners.delete(uuid) || group.listeners.size > 0) return
    this.groups.delete(prefix)
    group.close()
  }
}

class Group implements WatchListener {
  readonly listeners = new Map<string, OwnKeysListener>()
  isReady = false
  readonly ready: Promise<void>
  /** Also when the store refuses the watch at once: nothing is to be expected of it then. */
  isOver = false
  /** Undefined until the store has opened it. */
  private readonly watch: Watch | undefined

  constructor(
    store: Store,
    prefix: string,
    private readonly onClosed: () => void,
  ) {
    const watch = store.watch(LockKey.markersUnder(prefix), this)
    this.watch = watch
    this.ready = watch.ready
    this.ready.then(
      () => (this.isReady = true),
      () => {},
    )
  }

  onEvents(events: readonly KeyEvent[]): void {
    for (const event of events) {
      const key = eventKey(event)
      this.listeners.get(key.slice(key.lastIndexOf('/') + 1))?.onGap()
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
    this.watch?.close()
  }
}
