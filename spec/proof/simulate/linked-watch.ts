import type { KeyEvent, WatchedRange } from '../../../lib/kv/key-value.js'
import type { Watch, WatchListener } from '../../../lib/store/store.js'
import type { Etcd } from './etcd.js'
import type { Host } from './host.js'
import type { Scheduler } from './scheduler.js'
import type { Weather } from './weather.js'

/** A watch over a network: its news come late, but in their order; after a compaction, it is told that some were lost. */
export class LinkedWatch implements Watch {
  readonly ready: Promise<void>
  private inner: Watch | undefined
  private isClosed = false
  /** When the last news arrive that are on their way. */
  private last = 0
  /** Nothing arrives before it is told of the gap. */
  private hasGap = false

  constructor(
    private readonly scheduler: Scheduler,
    private readonly weather: Weather,
    private readonly etcd: Etcd,
    private readonly host: Host,
    range: WatchedRange,
    private readonly listener: WatchListener,
  ) {
    scheduler.trace.add(scheduler.now, host.name, 'watch', () => range.key)
    this.ready = new Promise(resolve => {
      scheduler.after(weather.delayOfNews(host).ms, undefined, 'watch', () => this.open(range, resolve))
    })
    weather.strike(host, etcd)
  }

  close(): void {
    this.isClosed = true
    this.inner?.close()
  }

  private open(range: WatchedRange, resolve: () => void): void {
    if (this.isClosed) return
    this.inner = this.etcd.store.watch(range, {
      onEvents: events => this.onEvents(events),
      onGap: () => {},
      onEnd: () => {},
    })
    void this.inner.ready.then(() => this.arrive(this.weather.delayOfNews(this.host).ms, 'watching', resolve))
  }

  private onEvents(events: readonly KeyEvent[]): void {
    if (this.hasGap) return
    const { ms, isGap } = this.weather.delayOfNews(this.host)
    this.hasGap = isGap
    if (!isGap) return this.arrive(ms, 'news', () => this.listener.onEvents(events))
    this.arrive(ms, 'gap', () => {
      this.hasGap = false
      this.listener.onGap()
    })
  }

  private arrive(ms: number, what: string, run: () => void): void {
    const { scheduler, host } = this
    this.last = Math.max(this.last, scheduler.now + ms)
    scheduler.after(this.last - scheduler.now, host, what, () => {
      if (!this.isClosed) run()
    })
  }
}
