/** Where a memory store's leases get their time from, so that a simulation can turn the clock itself. */
export interface Timers {
  /** Milliseconds. */
  now(): number
  /** Runs `work` after so many milliseconds; returns what cancels it. */
  after(ms: number, work: () => void): () => void
}

/** Node's setTimeout overflows at 2^31 - 1 ms and then fires at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

export const realTimers: Timers = {
  now: () => performance.now(),
  after(ms, work) {
    let timer: NodeJS.Timeout
    const arm = (left: number): void => {
      const step = Math.min(left, LONGEST_TIMEOUT)
      timer = setTimeout(() => (left > step ? arm(left - step) : work()), step)
      timer.unref()
    }
    arm(ms)
    return () => clearTimeout(timer)
  },
}
