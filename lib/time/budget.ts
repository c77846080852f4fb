import type { Clock } from './clock.js'

/** How long an operation of a handle may take, milliseconds. */
export const HANDLE_MS = 5_000

/** The time that an operation may take from now on. As the options of its calls it keeps each of them to what is left. */
export class Budget {
  private readonly start: number

  /** @param limitMs milliseconds; it may change while the operation lasts. */
  constructor(
    readonly clock: Clock,
    private readonly limitMs: () => number,
  ) {
    this.start = clock.monotonic()
  }

  /** What is left. */
  get timeoutMs(): number {
    return this.start + this.limitMs() - this.clock.monotonic()
  }
}
