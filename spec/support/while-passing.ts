import { expect } from '@jest/globals'
import { eventually } from './eventually.js'
import type { ManualClock } from './manual-clock.js'

/** The result of `work`, while time goes on by so many milliseconds at once. */
export async function whilePassing<T>(clock: ManualClock, work: Promise<T>, ms = 1): Promise<T> {
  let isOver = false
  const over = (): void => void (isOver = true)
  void work.then(over, over)
  await eventually(() => {
    clock.pass(ms)
    expect(isOver).toBe(true)
  })
  return work
}
