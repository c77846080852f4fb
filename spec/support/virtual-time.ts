import { type Clock, systemClock } from '../../lib/time/clock.js'
import { Timestamp } from '../../lib/model/timestamp.js'
import type { Timers } from '../../lib/store/memory/timers.js'

/** Time that goes on as ever, and can be turned forward, which timers do not notice. The leases of a memory store end by turning only. */
export class VirtualTime {
  private ahead = 0
  private readonly due = new Set<{ at: number; work: () => void }>()

  readonly clock: Clock = {
    now: () => Timestamp.fromMillis(Date.now() + this.ahead),
    monotonic: () => performance.now() + this.ahead,
    timer: (ms, work) => systemClock.timer(ms, work),
    random: () => systemClock.random(),
  }

  readonly timers: Timers = {
    now: () => this.clock.monotonic(),
    after: (ms, work) => {
      const timer = { at: this.clock.monotonic() + ms, work }
      this.due.add(timer)
      return () => void this.due.delete(timer)
    },
  }

  turn(ms: number): void {
    this.ahead += ms
    for (const timer of this.due) {
      if (timer.at > this.clock.monotonic()) continue
      this.due.delete(timer)
      timer.work()
    }
  }
}
