import { LONGEST_TIMEOUT_MS } from '../../time/clock.js'

/** Milliseconds as timers take them: whole, of which undici takes no others, and not so many that they would fire at once. */
export function timerMs(seconds: number): number {
  return Math.min(Math.ceil(seconds * 1000), LONGEST_TIMEOUT_MS)
}
