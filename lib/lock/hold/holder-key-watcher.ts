import type { KeyEvent, KeyValue } from '../../kv/key-value.js'
import { readsOf } from '../../kv/transaction.js'
import type { ForceReleaseMarker } from '../../protocol/force.js'
import { isStoreError } from '../../store/store-error.js'
import type { Watch, WatchListener } from '../../store/store.js'
import type { Engine } from '../engine/engine.js'
import { findMarker } from '../release/force-release-marker.js'
import type { Holding } from '../engine/holdings.js'
import type { Timer } from '../../time/clock.js'

/** How long after a look that failed to look again. */
const LOOK_AGAIN_MS = 1_000

/** What can be seen in etcd of one holding's holder key. */
export class HolderKeyWatcher implements WatchListener {
  private watch: Watch | undefined
  private timer: Timer | undefined
  private isClosed = false

  constructor(
    private readonly engine: Engine,
    private readonly holding: Pick<Holding, 'key' | 'uuid' | 'token'>,
    /** What it is now, or was a while ago; undefined when it is gone. */
    private readonly onSeen: (kv: KeyValue | undefined) => void,
  ) {}

  get isOpen(): boolean {
    return this.watch !== undefined
  }

  open(): void {
    const { key, uuid } = this.holding
    this.watch = this.engine.store.watch({ key: key.holder(uuid) }, this)
    this.watch.ready.then(
      () => this.look(),
      () => {},
    )
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.watch?.close()
  }

  /** The truth. @throws StoreError */
  async find(): Promise<KeyValue | undefined> {
    const { key, uuid, token } = this.holding
    const { results } = await this.engine.commit(readsOf({ key: key.holder(uuid) }))
    return results[0]!.find(kv => kv.createRevision === token)
  }

  /** Who released it by force, if that is known. */
  async force(): Promise<ForceReleaseMarker | undefined> {
    const { key, uuid } = this.holding
    return findMarker(this.engine, [key], uuid).catch(() => undefined)
  }

  /**
   * After a call that failed with this error: what happened before the watch stood, or in a gap, is told by nothing else;
   * and renewals may go on for ever.
   */
  lookAgain(error: unknown): void {
    if (this.isClosed || !isStoreError(error, 'unreachable')) return
    this.timer?.cancel()
    this.timer = this.engine.clock.timer(LOOK_AGAIN_MS, () => void this.look())
  }

  onEvents(events: readonly KeyEvent[]): void {
    const last = events.at(-1)!
    this.onSeen(last.type === 'put' ? last.kv : undefined)
  }

  onGap(): void {
    void this.look()
  }

  /** Nothing is to be seen any more; the deadline stays. */
  onEnd(): void {}

  private async look(): Promise<void> {
    try {
      this.onSeen(await this.find())
    } catch (error) {
      this.lookAgain(error)
    }
  }
}
