import type { KeyRange } from '../../kv/key-value.js'
import type { Store, Watch, WatchListener } from '../../store/store.js'

/** The watches of one waiter of what is before it. */
export class RangeWatches {
  /** Made by the first that is opened: most locks are granted without a wait. */
  private watches: Map<string, Watch> | undefined
  /** Since all of them stood: one has ended. */
  private hasEnded = false
  /** Why one ended before it stood; or again, when all were opened anew. */
  private refused: Error | undefined

  constructor(
    private readonly store: Store,
    private readonly listener: WatchListener,
  ) {}

  /** Whether there are any. */
  get areThere(): boolean {
    return this.watches !== undefined && this.watches.size > 0
  }

  /** Why those that are wanted cannot be had; undefined as long as they may come. */
  get refusal(): Error | undefined {
    return this.refused
  }

  /** Resolves when all of them are established. @throws LockError */
  get ready(): Promise<unknown> {
    return Promise.all([...(this.watches?.values() ?? [])].map(({ ready }) => ready))
  }

  has(path: string): boolean {
    return this.watches?.has(path) === true
  }

  /** Opens the watches of these ranges and closes all others. Returns whether any was opened. */
  moveTo(ranges: readonly KeyRange[]): boolean {
    if (ranges.length === 0 && !this.areThere) return false
    const watches = (this.watches ??= new Map<string, Watch>())
    const wanted = new Map(ranges.map(range => [range.key, range]))
    for (const [key, watch] of watches) {
      if (wanted.has(key)) continue
      watch.close()
      watches.delete(key)
    }
    const fresh = ranges.filter(({ key }) => !watches.has(key))
    for (const range of fresh) watches.set(range.key, this.open(range))
    return fresh.length > 0
  }

  /** One that ends before it stands is refused. Those beside it may stand: of that nothing follows for this one. */
  private open(range: KeyRange): Watch {
    const { listener } = this
    let hasStood = false
    const watch = this.store.watch(range, {
      onEvents: events => listener.onEvents(events),
      onGap: () => listener.onGap(),
      onEnd: error => {
        if (!hasStood) this.refused = error
        listener.onEnd(error)
      },
    })
    watch.ready.then(
      () => (hasStood = true),
      () => {},
    )
    return watch
  }

  /** All that were opened are established. */
  stand(): void {
    this.hasEnded = false
  }

  /**
   * One has ended for good, and so the others are closed. They are opened again where they are wanted, once: what ends before all stand is
   * refused.
   */
  end(error: Error): void {
    if (this.hasEnded) this.refused = error
    this.hasEnded = true
    this.close()
  }

  close(): void {
    for (const watch of this.watches?.values() ?? []) watch.close()
    this.watches = undefined
  }
}
