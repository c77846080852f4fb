import type { Clock } from './clock.js'

/**
 * Pauses between repetitions: they grow twofold each time, up to the longest, and are spread so that processes that have failed
 * together do not come back together. Decorrelated jitter as in Polly (github.com/App-vNext/Polly/issues/530).
 */
export class Backoff {
  private attempt = 0
  private reached = 0

  /** Both in milliseconds: about what the first pause takes, and the most that any takes. */
  constructor(
    private readonly clock: Clock,
    private readonly first: number,
    private readonly longest: number,
  ) {}

  /** Milliseconds. */
  next(): number {
    const time = this.attempt++ + this.clock.random()
    const reached = 2 ** time * Math.tanh(Math.sqrt(4 * time))
    const grown = Number.isFinite(reached) ? Math.max(0, reached - this.reached) : Infinity
    this.reached = reached
    return Math.min((grown / 1.4) * this.first, this.longest)
  }
}
