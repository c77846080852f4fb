/** A simulated process on a host with clocks of its own. */
export class Host {
  isDead = false
  isPaused = false
  /** When it went on after its last pause. */
  resumedAt = -Infinity
  /** Its wall clock was set while it ran: it may find out late that a deadline has come closer. */
  hasStepped = false

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

  wall(now: number): number {
    return this.monotonic(now) + this.skew
  }

  /** Sets its wall clock. */
  step(skew: number): void {
    this.skew = skew
    this.hasStepped = true
  }

  /** How long `ms` on its clocks takes. */
  duration(ms: number): number {
    return ms / (1 + this.drift)
  }
}
