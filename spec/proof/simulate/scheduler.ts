import { EventQueue, type Scheduled } from './event-queue.js'
import type { Host } from './host.js'
import type { Trace } from './trace.js'

/** So many events are put to Node at once: a turn of its loop costs more than most of them. */
const BATCH = 64

/** The only clock of a run, and the order of all that happens: one event, then all that it sets off at once, then the next. */
export class Scheduler {
  now = 0
  /** Called after each event. */
  onSettled: () => void = () => {}
  private readonly queue = new EventQueue()
  /** What is due while its process is paused. */
  private readonly held = new Map<Host, Scheduled[]>()
  private order = 0

  constructor(readonly trace: Trace) {}

  after(ms: number, host: Host | undefined, what: string, run: () => void, isTimer = false): Scheduled {
    const slept = host?.slept ?? 0
    const event = { at: this.now + ms, order: this.order++, host, what, isTimer, slept, run }
    this.queue.push(event)
    return event
  }

  /** Runs until nothing is left, `until` has come, or it is done. Resolves to whether it is done. */
  run(until: number, isDone: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let left = 0
      let isOver = false
      const end = (done: boolean): void => {
        isOver = true
        resolve(done)
      }
      const turn = (): void => {
        left--
        try {
          if (!isOver) this.step(until, isDone, end)
        } catch (error) {
          isOver = true
          reject(error instanceof Error ? error : new Error(String(error)))
        }
        if (left > 0 || isOver) return
        for (left = 0; left < BATCH; left++) setImmediate(turn)
      }
      left = 1
      turn()
    })
  }

  pause(host: Host, ms: number, timersFirst: boolean): void {
    if (host.isPaused || host.isDead) return
    host.isPaused = true
    this.after(ms, undefined, 'resume', () => this.resume(host, timersFirst))
  }

  /** Its machine sleeps: timers go on afterwards as if nothing had been. */
  sleep(host: Host, ms: number): void {
    if (host.isPaused || host.isDead) return
    host.isPaused = true
    host.sleepsSince = this.now
    this.after(ms, undefined, 'wake', () => this.resume(host, false))
  }

  resume(host: Host, timersFirst: boolean): void {
    if (!host.isPaused) return
    host.isPaused = false
    host.resumedAt = this.now
    const hasSlept = host.wake(this.now)
    const held = this.held.get(host) ?? []
    this.held.delete(host)
    const [first, second] = timersFirst ? [true, false] : [false, true]
    for (const isTimer of [first, second]) {
      for (const event of held.filter(each => each.isTimer === isTimer)) {
        const at = hasSlept && isTimer ? event.at : this.now
        this.queue.push(Object.assign(event, { at, order: this.order++ }))
      }
    }
  }

  /** The timers that a process would still run. */
  timersOf(host: Host): number {
    return this.queue.all().filter(event => event.host === host && event.isTimer && event.run).length
  }

  private hold(host: Host, event: Scheduled): void {
    const held = this.held.get(host)
    if (held) held.push(event)
    else this.held.set(host, [event])
  }

  private step(until: number, isDone: () => boolean, end: (done: boolean) => void): void {
    if (this.trace.events > 0) this.onSettled()
    if (isDone()) return end(true)
    for (;;) {
      const next = this.queue.peek()
      if (!next || next.at > until) {
        this.now = until
        return end(false)
      }
      this.queue.pop()
      const { host, run } = next
      if (!run || host?.isDead) continue
      if (next.isTimer && host && next.slept < host.slept) {
        const at = next.at + host.slept - next.slept
        this.queue.push(Object.assign(next, { at, slept: host.slept, order: this.order++ }))
        continue
      }
      this.now = Math.max(this.now, next.at)
      if (host?.isPaused) {
        this.hold(host, next)
        continue
      }
      next.run = undefined
      this.trace.add(this.now, host?.name ?? '', next.what)
      return run()
    }
  }
}
