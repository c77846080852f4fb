import type { Host as LockHost } from '../../../lib/lock/engine/host.js'
import { LockIds } from '../../../lib/model/lock-ids.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import type { Clock, Timer } from '../../../lib/time/clock.js'
import type { Host } from './host.js'
import type { Random } from './random.js'
import type { Scheduler } from './scheduler.js'

/** Node fires a timer at most so early, since it rounds. */
const EARLY_MS = 0.9

/** Time and chance of one simulated process, as its run decides them. */
export class Machine implements LockHost, Clock {
  readonly clock = this
  readonly ids: RecordingIds

  constructor(
    readonly host: Host,
    private readonly scheduler: Scheduler,
    private readonly chance: Random,
    /** How late a timer is, in milliseconds. */
    private readonly lag: () => number,
  ) {
    this.ids = new RecordingIds(
      () => this.monotonic(),
      () => chance.whole(0, 0xffffff),
    )
  }

  now(): Timestamp {
    return Timestamp.fromMillis(this.host.wall(this.scheduler.now))
  }

  monotonic(): number {
    return this.host.monotonic(this.scheduler.now)
  }

  random(): number {
    return this.chance.next()
  }

  timer(ms: number, work: () => void): Timer {
    const { host, scheduler, chance, lag } = this
    const due = host.duration(Math.max(1, Math.trunc(ms))) - EARLY_MS * chance.next() + lag()
    const event = scheduler.after(due, host, 'timer', work, true)
    const timer = { cancel: (): void => void (event.run = undefined), unref: (): Timer => timer }
    return timer
  }
}

class RecordingIds extends LockIds {
  /** The id that was made last: at the beginning of a call for a lock. */
  last = ''

  override take(paths: readonly string[]): string {
    return (this.last = super.take(paths))
  }
}
