import { Timestamp } from '../../lib/model/timestamp.js'
import type { Clock, Timer } from '../../lib/time/clock.js'

interface Due {
  readonly at: number
  readonly work: () => void
}

/** Time that passes only when it is told to. Its timers then run on time, the earliest first. */
export class ManualClock implements Clock {
  /** Milliseconds since 1970. */
  wall = 1_600_000_000_000
  private passed = 5_000
  private readonly timers = new Set<Due>()

  now(): Timestamp {
    return Timestamp.fromMillis(this.wall)
  }

  monotonic(): number {
    return this.passed
  }

  random(): number {
    return 0.5
  }

  timer(ms: number, work: () => void): Timer {
    const due = { at: this.passed + ms, work }
    this.timers.add(due)
    const timer = { cancel: (): void => void this.timers.delete(due), unref: (): Timer => timer }
    return timer
  }

  pass(ms: number): void {
    const end = this.passed + ms
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.timers.delete(next)
      this.advance(Math.max(0, next.at - this.passed))
      next.work()
    }
    this.advance(end - this.passed)
  }

  private advance(ms: number): void {
    this.wall += ms
    this.passed += ms
  }
}
