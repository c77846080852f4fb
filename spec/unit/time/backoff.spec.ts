import { describe, expect, it } from '@jest/globals'
import { Backoff } from '../../../lib/time/backoff.js'
import { ManualClock } from '../../support/manual-clock.js'

const FIRST = 20
const LONGEST = 1_000

function pauses(count: number, random: () => number): number[] {
  const backoff = new Backoff(Object.assign(new ManualClock(), { random }), FIRST, LONGEST)
  return Array.from({ length: count }, () => backoff.next())
}

describe('The pauses between attempts', () => {
  it('grow from about the first to the longest, however often it is tried', () => {
    const taken = pauses(3_000, () => 0.5)
    expect(taken[0]).toBeGreaterThan(FIRST / 4)
    expect(taken[0]).toBeLessThan(FIRST * 2)
    expect(taken).toEqual([...taken].sort((a, b) => a - b))
    expect(new Set(taken.slice(10))).toEqual(new Set([LONGEST]))
  })

  it('are spread by chance, and never negative', () => {
    const draws = [0.999, 0, 0.5, 0.999, 0]
    const taken = pauses(5, () => draws.shift()!)
    const others = pauses(5, () => 0.5)
    expect(Math.min(...taken)).toBeGreaterThanOrEqual(0)
    expect(taken).not.toEqual(others)
  })
})
