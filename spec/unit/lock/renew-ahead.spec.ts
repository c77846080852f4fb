import { describe, expect, it } from '@jest/globals'
import { RenewAhead } from '../../../lib/lock/engine/renew-ahead.js'

/** How many leases are renewed at each hand-over, each of which lasts for so many hand-overs, and at how many of these. */
function renewalsFor(handOvers: number, lasts: number): { renewed: number; bursts: number; last: number } {
  const ahead = new RenewAhead()
  const renewedAt = new Map<number, number>()
  let [renewed, bursts, last] = [0, 0, 0]
  for (let at = 0; at < handOvers; at++) {
    const isDue = !(at - (renewedAt.get(at) ?? -Infinity) < lasts)
    const more = ahead.handOver(isDue)
    if (!isDue) continue
    for (let next = at; next <= at + more; next++) renewedAt.set(next, at)
    renewed += 1 + more
    bursts++
    last = more
  }
  return { renewed, bursts, last }
}

describe('The leases of waiters are renewed', () => {
  it('many at once, where all of these are handed the lock in time', () => {
    const { renewed, bursts, last } = renewalsFor(1000, 300)
    expect(last).toBe(31)
    expect(bursts).toBeLessThan(1000 / 25)
    expect(renewed).toBeLessThan(1000 + 32)
  })

  it('as many at once as are handed the lock in time, and some', () => {
    const { renewed, bursts } = renewalsFor(1000, 8)
    expect(renewed).toBeLessThan(1600)
    expect(bursts).toBeLessThan(300)
  })

  it('one by one, and one in vain now and then, where each is due at its turn', () => {
    const { renewed } = renewalsFor(1000, 1)
    expect(renewed).toBeLessThanOrEqual(1500)
  })

  it('not at all while none is due', () => {
    const ahead = new RenewAhead()
    expect([1, 2, 3].map(() => ahead.handOver(false))).toEqual([0, 0, 0])
  })
})
