import { type WatchedRange, withPrefix } from '../../kv/key-value.js'
import { processOf, slotOf } from '../../model/lock-id.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { Store, WatchListener } from '../../store/store.js'
import { type Shared, SharedWatches } from './shared-watches.js'

/** Told of the holder key and the marker of one id. */
export interface OwnKeysListener extends WatchListener {
  readonly uuid: string
}

/**
 * Watches, for all waiters of this process in one queue, their holder keys and their markers: the ids of a process begin alike, so
 * that these are one range. A hand-over costs the process one event then, however many of it wait.
 */
export class OwnKeysWatch {
  private readonly watches: SharedWatches

  constructor(
    store: Store,
    private readonly key: LockKey,
  ) {
    this.watches = new SharedWatches(store)
  }

  /** Tells of what changes from now on, once `ready` has resolved. */
  add(listener: OwnKeysListener): { readonly ready: Promise<unknown>; readonly isReady: boolean } {
    const { uuid } = listener
    return this.watches.add(groupOf(uuid), slotOf(uuid), listener, () => this.sharedWith(uuid))
  }

  delete(listener: OwnKeysListener): void {
    const { uuid } = listener
    this.watches.delete(groupOf(uuid), slotOf(uuid), listener)
  }

  /** What all watch whose ids begin like this one. */
  private sharedWith(uuid: string): Shared {
    const { holders, markers } = this.key
    const start = processOf(uuid)
    return {
      ranges: [holders, markers].map(({ key }): WatchedRange => {
        const range = start === undefined ? { key: key + uuid } : withPrefix(key + start)
        return { ...range, putsOnly: true }
      }),
      nameIn: path => slotOf(path.slice((path.startsWith(holders.key) ? holders : markers).key.length)),
      tell: (listener, event) => listener.onEvents([event]),
    }
  }
}

function groupOf(uuid: string): string {
  return processOf(uuid) ?? uuid
}
