import type { Clock, Timer } from './clock.js'

/** Waits until all of this has ended, however it does, and not longer than so many milliseconds. */
export async function atMost(clock: Clock, ms: number, work: Iterable<Promise<unknown>>): Promise<void> {
  let timer: Timer | undefined
  const late = new Promise<void>(resolve => (timer = clock.timer(ms, resolve)))
  await Promise.race([Promise.allSettled(work), late])
  timer?.cancel()
}
