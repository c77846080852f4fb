/** 2030-01-01: no run takes its times for real ones. */
const EPOCH = Date.UTC(2030, 0, 1)
/** A process notices so late that it has slept: no timer tells. */
const NOTICE_SLEEP_MS = 1_500

/** A simulated process on a host with clocks of its own. */
export class Host {
  isDead = false
  isPaused = false
  /** When it went on after its last pause. */
  resumedAt = -Infinity
  /** When it noticed at the latest that it had slept. */
  awakeAt = -Infinity
  /** Milliseconds that it has slept: its timers stood still. */
  slept = 0
  sleepsSince: number | undefined

  constructor(
    readonly name: string,
    /** Share by which its clocks run too fast. */
    private readonly drift: number,
    /** Milliseconds by which its wall clock is wrong. */
    private skew: number,
  ) {}

  monotonic(now: number): number {
    return now * (1 + this.drift)
  }

  /** Whole milliseconds since 1970. */
  wall(now: number): number {
    return Math.floor(EPOCH + this.monotonic(now) + this.skew)
  }

  /** Whether it has slept. */
  wake(now: number): boolean {
    if (this.sleepsSince === undefined) return false
    this.slept += now - this.sleepsSince
    this.sleepsSince = undefined
    this.awakeAt = now + NOTICE_SLEEP_MS
    return true
  }

  /** Sets its wall clock. */
  step(skew: number): void {
    this.skew = skew
  }

  /** How long `ms` on its clocks takes. */
  duration(ms: number): number {
    return ms / (1 + this.drift)
  }
}
