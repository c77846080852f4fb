import { eventRevision, type KeyEvent, type WatchedRange } from '../../kv/key-value.js'
import type { Watch, WatchListener } from '../store.js'
import type { WatchStream } from './watch-stream.js'

/** How often to ask how far etcd has told everything, while something is held back. */
const ASK_MS = 50
/**
 * How long nothing older may come after etcd has said so. Since 3.4.25 and 3.5.8 nothing can. Before, the word may overtake events,
 * also those that etcd reads again for watches that were late, every 100 ms.
 */
const QUIET_MS = 200

/**
 * Watches of several ranges, told as one. etcd tells the changes of one transaction watch by watch, and one watch may be
 * later than another. So events are held back until etcd has told everything up to a later revision on all watches, and
 * are told in the order of their revisions. The order within one revision is kept within each range only.
 */
export class MergedWatch implements Watch {
  readonly ready: Promise<void>
  private readonly parts: Watch[] = []
  private heldBack: KeyEvent[] = []
  private told = 0n
  /** All up to `revision` was told on this run of the stream, if nothing older has come since. */
  private word: { readonly revision: bigint; readonly run: number; since: number } | undefined
  private timer: NodeJS.Timeout | undefined
  private isOver = false

  constructor(
    private readonly stream: WatchStream,
    ranges: readonly WatchedRange[],
    private readonly listener: WatchListener,
  ) {
    const part = {
      onEvents: (events: readonly KeyEvent[]) => this.hold(events),
      onGap: () => this.onGap(),
      onEnd: (error: Error) => this.end(error),
    }
    // One by one: a stream that is closed ends the first at once.
    for (const range of ranges) this.parts.push(stream.watch(range, part))
    this.ready = Promise.all(this.parts.map(({ ready }) => ready)).then(() => {})
    this.ready.catch(() => {})
  }

  close(): void {
    this.isOver = true
    clearInterval(this.timer)
    this.stream.progressListeners.delete(this.onProgress)
    for (const part of this.parts) part.close()
  }

  /** The listener reads again, and so knows all that is held back. Revisions may start again. */
  private onGap(): void {
    if (this.isOver) return
    this.heldBack = []
    this.tell(0n)
    this.word = undefined
    this.listener.onGap()
  }

  private hold(events: readonly KeyEvent[]): void {
    if (this.isOver) return
    const first = eventRevision(events[0]!)
    // It came later than etcd has said: what was told may be wrong.
    if (first <= this.told) return this.onGap()
    if (this.word && first <= this.word.revision) this.word.since = performance.now()
    this.heldBack.push(...events)
    this.stream.progressListeners.add(this.onProgress)
    this.timer ??= setInterval(() => this.stream.askProgress(), ASK_MS)
  }

  private readonly onProgress = (revision: bigint, run: number): void => {
    const now = performance.now()
    if (this.word?.run === run && now - this.word.since < QUIET_MS) return
    if (this.word?.run === run) this.tell(this.word.revision)
    this.word = { revision, run, since: now }
  }

  private tell(upTo: bigint): void {
    const events = this.heldBack.filter(event => eventRevision(event) <= upTo)
    this.heldBack = this.heldBack.filter(event => eventRevision(event) > upTo)
    this.told = upTo
    if (this.heldBack.length === 0) {
      clearInterval(this.timer)
      this.timer = undefined
      this.stream.progressListeners.delete(this.onProgress)
    }
    if (events.length === 0) return
    this.listener.onEvents(events.sort((a, b) => Number(eventRevision(a) - eventRevision(b))))
  }

  private end(error: Error): void {
    if (this.isOver) return
    this.close()
    this.listener.onEnd(error)
  }
}
