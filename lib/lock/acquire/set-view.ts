import { eventRevision, type KeyEvent } from '../../kv/key-value.js'
import { decideAll, type Step } from '../../protocol/decide.js'
import { isOfGhost, withoutGhosts } from '../../protocol/ghosts.js'
import { type Obstacle, obstacleOf, younger } from '../../protocol/obstacle.js'
import { applyEvent, type Snapshot } from '../../protocol/snapshot.js'
import { areWhole } from '../../protocol/whole-news.js'
import type { Engine } from '../engine/engine.js'
import type { LockTarget, TargetSnapshot } from '../options/lock-target.js'

/** All that is known of the locks of a set that waits: what it has read, what its process has seen since, and what a watch has told it. */
export class SetView {
  private snapshots: readonly Snapshot[] = []
  /** As they were when they were read last: what its process sees afterwards may show what was gone then. */
  private read: readonly Snapshot[] = []
  /** What its process had seen of each lock when it looked last. */
  private looked: Snapshot[] = []
  /** Kept until something younger is known: a snapshot that comes from elsewhere may be older than they are. */
  private events: KeyEvent[] = []

  constructor(
    private readonly engine: Engine,
    private readonly targets: readonly LockTarget[],
  ) {}

  /** As they were read. */
  set(snapshots: readonly Snapshot[]): void {
    this.snapshots = this.read = snapshots
    this.looked = []
    const oldest = snapshots.map(({ revision }) => revision).reduce((a, b) => (a < b ? a : b))
    this.events = this.events.filter(event => eventRevision(event) > oldest)
  }

  add(events: readonly KeyEvent[]): void {
    this.events.push(...events)
  }

  /** Whether the watches of this lock have told of whole transactions, as far as one can see. */
  isWhole({ at }: Obstacle): boolean {
    return areWhole(this.targets[at]!.key, this.events)
  }

  now(): readonly TargetSnapshot[] {
    const { engine, events, looked, read, targets } = this
    this.snapshots = this.snapshots.map((seen, at) => {
      const { key, terms } = targets[at]!
      const cached = engine.snapshots.get(key)
      if (cached === looked[at]) return seen
      looked[at] = cached
      return younger(seen, withoutGhosts(cached, read[at]!), terms.uuid)
    })
    return targets.map((target, at) => {
      const snapshot = this.snapshots[at]!
      if (events.length === 0) return { ...target, snapshot }
      const newer = events.filter(
        event => eventRevision(event) > snapshot.revision || isOfGhost(snapshot, event),
      )
      return { ...target, snapshot: newer.reduce(applyEvent, snapshot) }
    })
  }

  /** What it waits for first; undefined when it may have its turn, or something is wrong with what it has. */
  obstacle(now: readonly TargetSnapshot[]): (Obstacle & Pick<Step & { kind: 'wait' }, 'until'>) | undefined {
    const time = this.engine.clock.now()
    const step = decideAll(now, time)
    const obstacle = step.kind === 'wait' ? obstacleOf(now, time) : undefined
    return obstacle && step.kind === 'wait' ? { ...obstacle, until: step.until } : undefined
  }
}
