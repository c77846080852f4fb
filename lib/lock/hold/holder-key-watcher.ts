import { eventRevision, type KeyEvent, type KeyValue } from '../../kv/key-value.js'
import type { ForceReleaseMarker } from '../../protocol/force.js'
import { isStoreError } from '../../store/store-error.js'
import type { Watch, WatchListener } from '../../store/store.js'
import type { Timer } from '../../time/clock.js'
import type { Engine } from '../engine/engine.js'
import type { Holding } from '../engine/holdings.js'
import { findMarker } from '../release/force-release-marker.js'

/** How long after a read that failed to read again. */
const LOOK_AGAIN_MS = 1_000

export interface HolderKeyListener {
  /** Told the key as it is, or was a while ago: undefined when it is gone. */
  onSeen(kv: KeyValue | undefined): void
}

/** Tells what becomes of the holder key of one holding in etcd. */
export class HolderKeyWatcher implements WatchListener {
  private watch: Watch | undefined
  private timer: Timer | undefined
  private isClosed = false

  constructor(
    private readonly engine: Engine,
    private readonly holding: Pick<Holding, 'key' | 'holderKey' | 'uuid' | 'token'>,
    private readonly listener: HolderKeyListener,
  ) {}

  get isOpen(): boolean {
    return this.watch !== undefined
  }

  /** Begins to watch, once. The watch tells only of changes after it is established, so the key is read then. */
  open(): void {
    if (this.watch) return
    const { key, holderKey } = this.holding
    this.watch = this.engine.store.watch({ key: holderKey }, this)
    this.watch.ready.then(
      () => {
        this.look()
        key.forgetRanges()
      },
      () => {},
    )
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.watch?.close()
  }

  /** The holder key as etcd has it now; undefined when it is gone. @throws StoreError */
  async find(): Promise<KeyValue | undefined> {
    const { key, holderKey, token } = this.holding
    const [found] = await this.engine.find([key], [{ key: holderKey }])
    return found!.find(kv => kv.createRevision === token)
  }

  /** Who released the holding by force; undefined when nobody did, or etcd does not tell. */
  marker(): Promise<ForceReleaseMarker | undefined> {
    const { key, uuid } = this.holding
    return findMarker(this.engine, [key], uuid).catch(() => undefined)
  }

  /**
   * Reads again in a second, after a read that failed with this error of the store. What happened before the
   * watch was established, or in a gap of it, is told by nothing else, while renewals may succeed for ever.
   */
  lookAgain(error: unknown): void {
    if (this.isClosed || !isStoreError(error) || error.reason === 'closed') return
    this.timer?.cancel()
    this.timer = this.engine.clock.timer(LOOK_AGAIN_MS, () => this.look())
  }

  onEvents(events: readonly KeyEvent[]): void {
    // A member of etcd that lags tells of what was before: of the end of the holding that had the key before this one.
    const last = events.findLast(event => eventRevision(event) >= this.holding.token)
    if (!last) return
    this.listener.onSeen(
      last.type === 'put' && last.kv.createRevision === this.holding.token ? last.kv : undefined,
    )
  }

  onGap(): void {
    this.look()
  }

  /**
   * etcd has ended the watch, for example since the user may not read any more. It is opened again after a second, again and
   * again: a holder that renews would otherwise never be told that another process has released its lock.
   */
  onEnd(error: Error): void {
    if (this.isClosed || isStoreError(error, 'closed')) return
    this.timer?.cancel()
    this.timer = this.engine.clock.timer(LOOK_AGAIN_MS, () => {
      this.watch = undefined
      this.open()
    })
  }

  private look(): void {
    this.find().then(
      kv => this.listener.onSeen(kv),
      (error: unknown) => this.lookAgain(error),
    )
  }
}
