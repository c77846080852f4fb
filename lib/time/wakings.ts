import type { Clock } from './clock.js'

const LOOK_MS = 1_000
/** A timer that is later than this by the clock was kept from running: a lease is counted for less by as much as that. */
const LATE_MS = 50

/** Waits for timers. */
export interface Sleeper {
  /** Looks at the clock again. Must not throw. */
  wake(): void
}

/**
 * Wakes what waits for timers after the machine has slept. Timers stand still during a sleep, and take their whole time
 * afterwards, so a deadline would be noticed late by the length of the sleep.
 */
export class Wakings<S extends Sleeper> implements Iterable<S> {
  private readonly sleepers = new Set<S>()
  private isLooking = false

  constructor(private readonly clock: Clock) {}

  add(sleeper: S): void {
    this.sleepers.add(sleeper)
    if (!this.isLooking) this.look()
  }

  delete(sleeper: S): void {
    this.sleepers.delete(sleeper)
  }

  [Symbol.iterator](): Iterator<S> {
    return this.sleepers.values()
  }

  private look(): void {
    this.isLooking = this.sleepers.size > 0
    if (!this.isLooking) return
    const due = this.clock.monotonic() + LOOK_MS
    const look = (): void => {
      const isLate = this.clock.monotonic() - due > LATE_MS
      if (isLate) for (const sleeper of [...this.sleepers]) sleeper.wake()
      this.look()
    }
    this.clock.timer(LOOK_MS, look).unref()
  }
}
