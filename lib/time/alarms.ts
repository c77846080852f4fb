import type { Clock, Timer } from './clock.js'

/** What has one alarm at a time. The numbers belong to {@link Alarms}. */
export interface Alarmed {
  /**
   * When its alarm is due, or was last, on the monotonic clock: whole milliseconds, since V8 keeps each number with a fraction in an
   * object of its own.
   */
  alarmAt: number
  /** Among the alarms; -1 without one. */
  alarmPlace: number
  /** Its time has come. Must not throw. */
  onAlarm(): void
}

/**
 * Timers stand still while the machine sleeps, and take their whole time afterwards: a deadline would be noticed late by the length of
 * the sleep. So the timer never runs for longer, milliseconds: then the clock says what is due.
 */
const LOOK_MS = 1_000

/**
 * Many alarms on one timer: a timer of Node's for each would take more memory than all else that is kept of a holding.
 * A binary heap, in which each knows its place.
 */
export class Alarms {
  private readonly heap: Alarmed[] = []
  private timer: Timer | undefined
  /** When the timer is due, monotonic. */
  private timerAt = Infinity

  constructor(private readonly clock: Clock) {}

  /** Sets the alarm to so many milliseconds from now, instead of the one that was set. None for Infinity. */
  set(alarmed: Alarmed, ms: number): void {
    if (ms === Infinity) return this.cancel(alarmed)
    alarmed.alarmAt = Math.ceil(this.clock.monotonic() + ms)
    if (alarmed.alarmPlace < 0) this.heap.push(alarmed)
    const place = alarmed.alarmPlace < 0 ? this.heap.length - 1 : alarmed.alarmPlace
    this.settle(alarmed, place)
    if (alarmed.alarmAt < this.timerAt) this.arm()
  }

  cancel(alarmed: Alarmed): void {
    const { alarmPlace: place } = alarmed
    if (place < 0) return
    alarmed.alarmPlace = -1
    const last = this.heap.pop()!
    if (last !== alarmed) this.settle(last, place)
    // It would keep the process alive.
    if (this.heap.length === 0) this.disarm()
  }

  private arm(): void {
    this.disarm()
    const first = this.heap[0]
    if (!first) return
    const now = this.clock.monotonic()
    this.timerAt = Math.min(first.alarmAt, now + LOOK_MS)
    this.timer = this.clock.timer(Math.ceil(Math.max(0, this.timerAt - now)), () => this.ring())
  }

  private disarm(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.timerAt = Infinity
  }

  /** A timer may be early by a millisecond, so its own time counts, too. */
  private ring(): void {
    const now = Math.max(this.timerAt, this.clock.monotonic())
    this.timer = undefined
    // No alarm that is set meanwhile needs the timer: it is armed at the end.
    this.timerAt = -Infinity
    try {
      for (let left = this.heap.length; left > 0; left--) {
        const first = this.heap[0]
        if (!first || first.alarmAt > now) break
        this.cancel(first)
        first.onAlarm()
      }
    } finally {
      this.arm()
    }
  }

  /** Puts it where it belongs, from a place that is free. */
  private settle(alarmed: Alarmed, from: number): void {
    const { heap } = this
    let place = from
    for (
      let above = (place - 1) >> 1;
      place > 0 && alarmed.alarmAt < heap[above]!.alarmAt;
      above = (place - 1) >> 1
    ) {
      this.put(heap[above]!, place)
      place = above
    }
    for (;;) {
      let below = 2 * place + 1
      if (below + 1 < heap.length && heap[below + 1]!.alarmAt < heap[below]!.alarmAt) below++
      if (below >= heap.length || heap[below]!.alarmAt >= alarmed.alarmAt) break
      this.put(heap[below]!, place)
      place = below
    }
    this.put(alarmed, place)
  }

  private put(alarmed: Alarmed, place: number): void {
    this.heap[place] = alarmed
    alarmed.alarmPlace = place
  }
}
