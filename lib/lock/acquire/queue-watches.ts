import type { KeyRange } from '../../kv/key-value.js'
import type { Store, Watch } from '../../store/store.js'
import type { Coordinator } from '../engine/coordinator.js'
import type { OwnKeysListener } from '../engine/own-keys-watch.js'

/** The watches of one waiter: those of what is before it, and its part in the watch of the own keys of its process. */
export class QueueWatches {
  /** Made by the first that is opened: most locks are granted without a wait. */
  private watches: Map<string, Watch> | undefined
  /** The watch of its own keys; undefined while there is none. */
  private own: { readonly ready: Promise<unknown>; isNew: boolean } | undefined

  constructor(
    private readonly store: Store,
    /** Of a single lock. Who waits for several watches its own keys as it does the others. */
    private readonly coordinator: Coordinator | undefined,
    private readonly listener: OwnKeysListener,
  ) {}

  /** Whether it watches what is before it. */
  get areThere(): boolean {
    return this.watches !== undefined && this.watches.size > 0
  }

  has(path: string): boolean {
    return this.watches?.has(path) === true
  }

  /** Resolves when all of them are established. @throws LockError */
  get ready(): Promise<unknown> {
    return Promise.all([this.own?.ready, ...[...(this.watches?.values() ?? [])].map(({ ready }) => ready)])
  }

  /**
   * Watches its own keys, and these ranges if it is to watch what is before it. Returns whether a change may have been missed until the
   * watches are established.
   */
  watch(ranges: readonly KeyRange[], isWatching: boolean): boolean {
    const { coordinator, listener } = this
    if (!coordinator) return this.moveTo(ranges)
    this.watchOwnKeys('after the ticket')
    const { isNew } = this.own!
    this.own!.isNew = false
    const { key } = coordinator
    const isOwn = (path: string): boolean =>
      path === key.holder(listener.uuid) || path === key.forced(listener.uuid)
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
    const { ready, isReady } = this.coordinator!.ownKeys.add(this.listener)
    this.own = { ready, isNew: !isReady || when === 'after the ticket' }
  }

  close(): void {
    for (const watch of this.watches?.values() ?? []) watch.close()
    this.watches = undefined
    if (this.own) this.coordinator!.ownKeys.delete(this.listener)
    this.own = undefined
  }

  /** Opens the watches of these ranges and closes all others. Returns whether any was opened. */
  private moveTo(ranges: readonly KeyRange[]): boolean {
    const watches = (this.watches ??= new Map<string, Watch>())
    const wanted = new Map(ranges.map(range => [range.key, range]))
    for (const [key, watch] of watches) {
      if (wanted.has(key)) continue
      watch.close()
      watches.delete(key)
    }
    const fresh = ranges.filter(({ key }) => !watches.has(key))
    for (const range of fresh) watches.set(range.key, this.store.watch(range, this.listener))
    return fresh.length > 0
  }
}
