import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import os from 'node:os'
import { countingSleep, systemClock } from '../../../lib/time/clock.js'

let running: number
let wall: number
let boot: number
let asked: number
let monotonic: () => number

beforeEach(() => {
  running = 5_000
  wall = 1_600_000_000_000
  boot = 77_000
  asked = 0
  monotonic = countingSleep({
    running: () => running,
    wall: () => wall,
    sinceBoot: () => {
      asked++
      // As Linux tells it.
      return Math.floor(boot / 10) * 10
    },
  })
})

function pass(ms: number): void {
  running += ms
  wall += ms
  boot += ms
}

function sleep(ms: number): void {
  wall += ms
  boot += ms
}

/** Milliseconds by the clock under test. */
function taken(work: () => void): number {
  const start = monotonic()
  work()
  return monotonic() - start
}

/** To the resolution of the time since boot. */
function expectAbout(ms: number, expected: number): void {
  expect(Math.abs(ms - expected)).toBeLessThanOrEqual(10)
}

describe('the clock that deadlines are counted on', () => {
  it('goes on while the machine runs, and while it sleeps', () => {
    expectAbout(
      taken(() => pass(3_000)),
      3_000,
    )
    expectAbout(
      taken(() => sleep(60_000)),
      60_000,
    )
    expectAbout(
      taken(() => pass(7)),
      7,
    )
    const both = taken(() => {
      pass(200)
      sleep(500)
      pass(200)
    })
    expectAbout(both, 900)
  })

  it.each([60_000, -60_000, 3_600_000])('does not mind that the wall clock is set by %d ms', step => {
    expectAbout(
      taken(() => (wall += step)),
      0,
    )
    expectAbout(
      taken(() => sleep(1_000)),
      1_000,
    )
    const both = taken(() => {
      sleep(1_000)
      wall += step
      pass(5)
    })
    expectAbout(both, 1_005)
  })

  it('finds out within a second that it has slept for as long as the wall clock was set back', () => {
    const back = taken(() => {
      sleep(60_000)
      wall -= 60_000
      pass(1_001)
    })
    expectAbout(back, 61_001)
  })

  it('never goes back, and is never off by more than the margin of a lease', () => {
    const start = { read: monotonic(), boot }
    let last = start.read
    for (let at = 0; at < 2_000; at++) {
      pass((at * 7.3) % 31)
      if (at % 5 === 0) sleep((at * 13.7) % 101)
      const read = monotonic()
      expect(read).toBeGreaterThanOrEqual(last)
      expect(Math.abs(read - start.read - (boot - start.boot))).toBeLessThan(20)
      last = read
    }
  })

  it('asks only now and then how long ago the machine was started, which is slow', () => {
    monotonic()
    const before = asked
    for (let at = 0; at < 900; at++) {
      pass(1)
      monotonic()
    }
    expect(asked).toBe(before)
  })

  it('counts no sleep where nobody can tell', () => {
    boot = NaN
    expectAbout(
      taken(() => pass(1_500)),
      1_500,
    )
  })

  it('is the one of this machine', () => {
    const start = [systemClock.monotonic(), performance.now()] as const
    while (performance.now() - start[1] < 50);
    const took = systemClock.monotonic() - start[0]
    expect(took).toBeGreaterThanOrEqual(50)
    expect(took).toBeLessThan(10_000)
    expect(os.uptime()).toBeGreaterThan(0)
  })
})

describe('a timer of this machine', () => {
  const LONG_MS = 2 ** 31 + 5
  let calls: number
  const work = (): void => void calls++

  beforeEach(() => {
    calls = 0
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  it('can take longer than Node has timers for', () => {
    systemClock.timer(LONG_MS, work)
    jest.advanceTimersByTime(LONG_MS - 1)
    expect(calls).toBe(0)
    jest.advanceTimersByTime(1)
    expect(calls).toBe(1)
  })

  it('never ends when it has no end', () => {
    systemClock.timer(Infinity, work)
    jest.advanceTimersByTime(3 * LONG_MS)
    expect(calls).toBe(0)
  })

  it('can be cancelled, also after its first part', () => {
    const timer = systemClock.timer(LONG_MS, work)
    jest.advanceTimersByTime(LONG_MS - 1)
    timer.cancel()
    jest.advanceTimersByTime(LONG_MS)
    expect(calls).toBe(0)
  })
})
