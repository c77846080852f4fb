import { IDLE } from '../../../lib/lock/engine/coordination.js'
import type { CoordinatorState } from '../../../lib/lock/engine/coordinator-state.js'
import { Line } from '../../../lib/lock/engine/line.js'
import type { Intent } from '../../../lib/lock/engine/turn.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { agedCall, type Commit } from './call.js'
import { nothingOf } from './lock-names.js'
import { agedSnapshot } from './time.js'

/** What a client wants of a lock. */
export type Member = Intent & { readonly client: number }

/** What the clients of one process share: what was seen last of each lock, and the coordinator of the lock that they take alone. */
export class Process {
  state: CoordinatorState<Member> = IDLE
  /** What etcd gets of the turn that is under way. */
  commit: Commit | undefined
  /** What its coordinator is told at the end of the move: its clients do not see what follows before they wait. */
  inbox: readonly Member[] = []
  private seen: ReadonlyMap<LockKey, Snapshot> = new Map()

  constructor(
    readonly index: number,
    /** Whether it has several clients. */
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
    this.state = IDLE
    this.commit = undefined
    this.inbox = []
    this.seen = new Map()
  }

  /** The clock goes on. */
  age(): void {
    this.seen = new Map([...this.seen].map(([key, snapshot]) => [key, agedSnapshot(snapshot)]))
    this.commit &&= agedCall(this.commit)
    this.state = this.agedState()
  }

  private agedState(): CoordinatorState<Member> {
    const { state, commit } = this
    if (state.kind === 'idle') return state
    const line = Line.of(state.line.entries.map(agedMember))
    if (state.kind !== 'sent') return { ...state, line }
    const [{ from: before, transaction }] = commit!.parts as [Commit['parts'][number]]
    const { over, turn } = state
    const taken = turn.taken.map(agedMember)
    const turnNow = { before, taken, composition: { ...turn.composition, transaction } }
    return {
      kind: 'sent',
      line,
      turn: turnNow,
      over: new Set(taken.filter((_, at) => over.has(turn.taken[at]!))),
    }
  }
}

function agedMember(member: Member): Member {
  return { ...member, from: agedSnapshot(member.from) }
}
