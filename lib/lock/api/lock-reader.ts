import type { KeyRange, KeyValue } from '../../kv/key-value.js'
import type { LockState } from '../../model/lock-state.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import type { Engine } from '../engine/engine.js'
import { leftOf } from '../observe/leases-left.js'
import { stateOrProblem } from '../observe/lock-state.js'
import { type Pages, readPages } from '../observe/pages.js'

/** Linearizable reads of one attempt, each within the time of that attempt. All of them throw StoreErrors. */
export class LockReader {
  constructor(
    private readonly engine: Engine,
    private readonly within: CallOptions,
  ) {}

  snapshot(key: LockKey): Promise<Snapshot> {
    return this.engine.readOne(key, this.within)
  }

  /** A lock and the value at another key, at one revision. */
  async snapshotBeside(
    key: LockKey,
    path: string,
  ): Promise<{ readonly snapshot: Snapshot; readonly kv: KeyValue | undefined }> {
    const { snapshots, kv } = await this.engine.readBeside([key], path, this.within)
    return { snapshot: snapshots[0]!, kv }
  }

  /** Holders and waiters, and of which revision; a value that cannot be read is told as a problem. */
  async state(key: LockKey): Promise<{ readonly state: LockState; readonly revision: bigint }> {
    const now = this.engine.clock.now()
    const snapshot = await this.snapshot(key)
    const state = stateOrProblem(snapshot, now, await leftOf(this.engine, snapshot.holders.values()))
    return { state, revision: snapshot.revision }
  }

  /** All keys of these ranges, at one revision, read in pages. */
  ranges(ranges: readonly KeyRange[]): Promise<Pages> {
    return readPages(this.engine, ranges, this.within)
  }
}
