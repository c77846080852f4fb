import type { KeyRange } from '../../kv/key-value.js'
import type { Store } from '../../store/store.js'
import type { Coordinator } from '../engine/coordinator.js'
import type { OwnKeysListener } from '../engine/own-keys-watch.js'
import { RangeWatches } from './range-watches.js'

/** The watches of one waiter: those of what is before it, and its part in the watch of the own keys of its process. */
export class QueueWatches extends RangeWatches {
  /** The watch of its own keys; undefined while there is none. */
  private own: { readonly ready: Promise<unknown>; isNew: boolean } | undefined

  constructor(
    store: Store,
    private readonly coordinator: Coordinator,
    private readonly waiter: OwnKeysListener,
  ) {
    super(store, waiter)
  }

  /** Resolves when all of them are established. @throws LockError */
  override get ready(): Promise<unknown> {
    return Promise.all([this.own?.ready, super.ready])
  }

  /**
   * Watches its own keys, and these ranges if it is to watch what is before it. Returns whether a change may have been missed until the
   * watches are established.
   */
  watch(ranges: readonly KeyRange[], isWatching: boolean): boolean {
    const { coordinator, waiter } = this
    this.watchOwnKeys('after the ticket')
    const { isNew } = this.own!
    this.own!.isNew = false
    const { key } = coordinator
    const isOwn = (path: string): boolean =>
      path === key.holder(waiter.uuid) || path === key.forced(waiter.uuid)
    const isMore = isWatching && this.moveTo(ranges.filter(range => !isOwn(range.key)))
    return isNew || isMore
  }

  /**
   * A watch that stands tells this waiter of nothing that came before it was added:
   *
   *     the ticket is put · a release hands over to it · the watch tells the others of its process · it is added
   */
  watchOwnKeys(when: 'before the ticket' | 'after the ticket'): void {
    if (this.own) return
    const { ready, isReady } = this.coordinator.ownKeys.add(this.waiter)
    this.own = { ready, isNew: !isReady || when === 'after the ticket' }
  }

  override close(): void {
    super.close()
    if (this.own) this.coordinator.ownKeys.delete(this.waiter)
    this.own = undefined
  }
}
