import { LockKey } from '../../protocol/lock-key.js'
import type { Store } from '../../store/store.js'
import type { OwnKeysListener } from './own-keys-watch.js'
import { type Shared, SharedWatches } from './shared-watches.js'

/**
 * Watches the markers of all locks under a prefix, for the sets that wait: one watch for all of them, however many locks they want. Markers
 * are rare.
 */
export class MarkersWatch {
  private readonly watches: SharedWatches

  constructor(store: Store) {
    this.watches = new SharedWatches(store)
  }

  /** Tells of what is put from now on, once `ready` has resolved. */
  add(
    prefix: string,
    listener: OwnKeysListener,
  ): { readonly ready: Promise<unknown>; readonly isReady: boolean } {
    return this.watches.add(prefix, listener.uuid, listener, () => markersUnder(prefix))
  }

  delete(prefix: string, listener: OwnKeysListener): void {
    this.watches.delete(prefix, listener.uuid, listener)
  }
}

function markersUnder(prefix: string): Shared {
  return {
    ranges: [{ ...LockKey.markersUnder(prefix), putsOnly: true }],
    nameIn: key => key.slice(key.lastIndexOf('/') + 1),
    tell: listener => listener.onGap(),
  }
}
