import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Intent, Turn } from '../../../lib/lock/engine/turn.js'
import { agedCall, type Commit } from './call.js'
import { nothingOf } from './lock-names.js'
import { agedSnapshot } from './time.js'

/** What a client wants of a lock, in the line of its process. */
export type Member = Intent & { readonly client: number }

/** One transaction for all that travels in it. */
export interface TurnUnderWay {
  readonly turn: Turn<Member>
  readonly commit: Commit
}

/** What the clients of one process share: what was seen last of each lock, and the coordinator of the lock that they take alone. */
export class Process {
  line: readonly Member[] = []
  underWay: TurnUnderWay | undefined
  private seen: ReadonlyMap<LockKey, Snapshot> = new Map()

  constructor(
    readonly index: number,
    /** Whether it has several clients. That of one sends at once. */
    readonly isShared: boolean,
  ) {}

  copy(): Process {
    return Object.assign(new Process(this.index, this.isShared), this)
  }

  cached(key: LockKey): Snapshot {
    return this.seen.get(key) ?? nothingOf(key)
  }

  /** As `SnapshotCache.set` does. */
  learn(snapshot: Snapshot): void {
    if (this.cached(snapshot.key).revision > snapshot.revision) return
    this.seen = new Map([...this.seen, [snapshot.key, snapshot]])
  }

  unlearn(key: LockKey): void {
    if (this.seen.has(key)) this.seen = new Map([...this.seen].filter(([known]) => known !== key))
  }

  /** Its end. */
  stop(): void {
    this.line = []
    this.underWay = undefined
    this.seen = new Map()
  }

  /** The clock goes on. */
  age(): void {
    this.seen = new Map([...this.seen].map(([key, snapshot]) => [key, agedSnapshot(snapshot)]))
    this.line = this.line.map(each => ({ ...each, from: agedSnapshot(each.from) }))
    if (!this.underWay) return
    const { turn, commit } = this.underWay
    const aged = agedCall(commit)
    const [{ from: before, transaction }] = aged.parts as [Commit['parts'][number]]
    this.underWay = {
      turn: { ...turn, before, composition: { ...turn.composition, transaction } },
      commit: aged,
    }
  }
}
