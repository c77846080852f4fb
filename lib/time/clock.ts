import os from 'node:os'
import { Timestamp } from '../model/timestamp.js'

/** The clocks, the timers and the chance of a host. All code below takes them from here, so that a simulation can give it its own. */
export interface Clock {
  /** Wall clock: written into locks for people, and trusted for nothing that etcd can tell. */
  now(): Timestamp
  /** Milliseconds on a clock that never jumps, and goes on while the machine sleeps: what deadlines are counted on. */
  monotonic(): number
  /**
   * Calls `work` once after so many milliseconds, as good as timers are: up to a millisecond early, late when the process is
   * busy, and not at all for Infinity. Timers stand still while the machine sleeps.
   */
  timer(ms: number, work: () => void): Timer
  /** From 0 to less than 1: spreads the pauses of processes that have failed together. */
  random(): number
}

/** A call that is to come. */
export interface Timer {
  cancel(): void
  /** The process may end before it. */
  unref(): this
}

/** What a host tells of the time, in milliseconds. */
export interface TimeSources {
  /** Never jumps. Whether it counts the time that the machine sleeps depends on the system. */
  readonly running: () => number
  readonly wall: () => number
  /** Never jumps, counts the time that the machine sleeps, and is coarse and slow to ask. NaN when that fails. */
  readonly sinceBoot: () => number
}

/** The wall clock goes on while the machine sleeps: unless it has left the running clock by this much, nobody slept. */
const JUMP_MS = 5
/** Ask all the same after this: somebody may have set the wall clock back by as much as the machine slept. */
const ASK_AGAIN_MS = 1_000

/**
 * A running clock that counts sleep, too. A step of the wall clock is a reason to ask how long the machine has slept, and
 * changes nothing by itself. What it counts as sleep is right to the resolution of the time since boot.
 */
export function countingSleep({ running, wall, sinceBoot }: TimeSources): () => number {
  const awake = sinceBoot() - running()
  let asleep = 0
  let offset = NaN
  let askedAt = -Infinity
  return () => {
    const now = running()
    const seen = wall() - now
    if (!(Math.abs(seen - offset) <= JUMP_MS) || now - askedAt > ASK_AGAIN_MS) {
      offset = seen
      askedAt = now
      asleep = Math.max(asleep, sinceBoot() - now - awake || 0)
    }
    return now + asleep
  }
}

const running = (): number => performance.now()

function sinceBoot(): number {
  try {
    return os.uptime() * 1000
  } catch {
    return NaN
  }
}

/** Node's setTimeout overflows at 2^31 - 1 ms and then fires at once. */
export const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

class SystemTimer implements Timer {
  private timeout: NodeJS.Timeout
  private isBackground = false

  constructor(
    private left: number,
    private readonly work: () => void,
  ) {
    this.timeout = this.arm()
  }

  cancel(): void {
    clearTimeout(this.timeout)
  }

  unref(): this {
    this.isBackground = true
    this.timeout.unref()
    return this
  }

  private arm(): NodeJS.Timeout {
    const ms = Math.min(Math.max(0, this.left), LONGEST_TIMEOUT_MS)
    this.left -= ms
    return setTimeout(() => this.fire(), ms)
  }

  private fire(): void {
    if (this.left <= 0) return this.work()
    this.timeout = this.arm()
    if (this.isBackground) this.timeout.unref()
  }
}

/**
 * On Linux Node's monotonic clock stands still while the machine sleeps, and `os.uptime()` (hundredths of a second) counts
 * on. On macOS and Windows the monotonic clock counts sleep by itself, and `os.uptime()` is made of the wall clock or
 * coarse. A virtual machine that is stopped from outside has no clock that tells.
 */
export const systemClock: Clock = {
  now: () => Timestamp.now(),
  monotonic:
    process.platform === 'linux' ? countingSleep({ running, wall: () => Date.now(), sinceBoot }) : running,
  timer: (ms, work) => new SystemTimer(ms, work),
  random: () => Math.random(),
}
