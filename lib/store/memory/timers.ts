import { systemClock } from '../../time/clock.js'

/** Where a memory store's leases get their time from, so that a simulation can turn the clock itself. */
export interface Timers {
  /** Milliseconds. */
  now(): number
  /** Runs `work` after so many milliseconds; returns what cancels it. */
  after(ms: number, work: () => void): () => void
}

export const realTimers: Timers = {
  now: () => systemClock.monotonic(),
  after(ms, work) {
    const timer = systemClock.timer(ms, work).unref()
    return () => timer.cancel()
  },
}
