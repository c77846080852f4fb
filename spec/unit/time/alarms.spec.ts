import { beforeEach, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type Alarmed, Alarms } from '../../../lib/time/alarms.js'
import { systemClock, type Timer } from '../../../lib/time/clock.js'
import { ManualClock } from '../../support/manual-clock.js'

let clock: CountingClock
let alarms: Alarms

class CountingClock extends ManualClock {
  running = 0

  override timer(ms: number, work: () => void): Timer {
    this.running++
    let isOver = false
    const end = (): void => {
      if (!isOver) this.running--
      isOver = true
    }
    const timer = super.timer(ms, () => {
      end()
      work()
    })
    return {
      cancel: () => {
        end()
        timer.cancel()
      },
      unref: () => timer,
    }
  }
}

beforeEach(() => {
  clock = new CountingClock()
  alarms = new Alarms(clock)
})

/** What rings, it notes when. */
class Bell implements Alarmed {
  alarmAt = 0
  alarmPlace = -1
  rung: number[] = []

  onAlarm(): void {
    this.rung.push(clock.monotonic())
  }
}

it('each rings once at the time that was set last, however many there are, and one timer serves all', () => {
  const change = fc.record({
    bell: fc.nat(7),
    ms: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
    pass: fc.nat(10),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), changes => {
      clock = new CountingClock()
      alarms = new Alarms(clock)
      const bells = Array.from({ length: 8 }, () => new Bell())
      const due = bells.map((): number | undefined => undefined)
      const expected = bells.map((): number[] => [])
      const pass = (ms: number): void => {
        const end = clock.monotonic() + ms
        due.forEach((at, bell) => {
          if (at === undefined || at > end) return
          expected[bell]!.push(at)
          due[bell] = undefined
        })
        clock.pass(ms)
      }
      for (const { bell, ms, pass: passed } of changes) {
        if (ms === undefined) alarms.cancel(bells[bell]!)
        else alarms.set(bells[bell]!, ms)
        due[bell] = ms === undefined ? undefined : clock.monotonic() + ms
        expect(clock.running).toBe(due.some(at => at !== undefined) ? 1 : 0)
        pass(passed)
      }
      pass(100)
      expect(bells.map(({ rung }) => rung)).toEqual(expected)
      expect(clock.running).toBe(0)
    }),
  )
})

it('what is set again when it rings keeps no other from ringing', () => {
  const [bell, other] = [new Bell(), new Bell()]
  const order: Bell[] = []
  bell.onAlarm = () => {
    order.push(bell)
    if (order.length < 3) alarms.set(bell, 0)
  }
  other.onAlarm = () => void order.push(other)
  alarms.set(bell, 5)
  alarms.set(other, 5)
  clock.pass(5)
  expect(order).toContain(other)
  expect(order.filter(each => each === bell).length).toBeGreaterThan(1)
})

it('after a sleep, in which timers stood still, what is due rings within a second', () => {
  let asleep = 0
  const due: { ms: number; work: () => void }[] = []
  const sleepy = new Alarms({
    ...systemClock,
    monotonic: () => asleep,
    timer: (ms, work) => {
      due.push({ ms, work })
      const timer: Timer = { cancel: () => {}, unref: () => timer }
      return timer
    },
  })
  const [soon, later] = [new Bell(), new Bell()]
  sleepy.set(soon, 10_000)
  sleepy.set(later, 10_500)
  asleep = 10_300
  expect(due.map(({ ms }) => ms)).toEqual([1_000])
  due[0]!.work()
  expect(soon.rung).toHaveLength(1)
  expect(later.rung).toEqual([])
  expect(due.at(-1)!.ms).toBe(200)
})
