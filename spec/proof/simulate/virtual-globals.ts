import { systemClock } from '../../../lib/time/clock.js'
import type { Scheduled } from './event-queue.js'
import type { Random } from './random.js'
import type { Scheduler } from './scheduler.js'

/** 2030-01-01: no run takes its times for real ones. */
const EPOCH = Date.UTC(2030, 0, 1)
const RealDate = Date

/** Node fires a timer at most so early, since it rounds. */
const EARLY_MS = 0.9

export interface VirtualWorld {
  readonly scheduler: Scheduler
  /** What the code under test draws from. */
  readonly random: Random
  /** How late a timer is, in milliseconds. */
  readonly lag: () => number
  readonly onUuid: (uuid: string) => void
}

type Globals = Record<string, unknown>

let world: VirtualWorld | undefined

function current(): VirtualWorld {
  if (!world) throw new Error('A simulated process goes on although its run is over.')
  return world
}

function wall(): number {
  const { scheduler } = current()
  return Math.floor(EPOCH + (scheduler.current?.wall(scheduler.now) ?? scheduler.now))
}

function running(): number {
  const { scheduler } = current()
  return scheduler.current?.running(scheduler.now) ?? scheduler.now
}

/** The clock that is made of several of a real host's, and has tests of its own. */
function monotonic(): number {
  const { scheduler } = current()
  return scheduler.current?.monotonic(scheduler.now) ?? scheduler.now
}

function setVirtualTimeout(work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Timer {
  const { scheduler, random, lag } = current()
  const host = scheduler.current
  const least = Math.max(1, Math.trunc(ms))
  const due = (host?.duration(least) ?? least) - EARLY_MS * random.next() + lag()
  return new Timer(scheduler.after(due, host, 'timer', () => work(...args), true))
}

function randomUUID(): string {
  const { random, onUuid } = current()
  const uuid = random.uuid()
  onUuid(uuid)
  return uuid
}

function unused(): never {
  throw new Error('A simulated process has used a timer that the simulation does not know.')
}

class VirtualDate extends RealDate {
  constructor(...args: unknown[]) {
    const given = args.length === 0 ? [wall()] : args
    super(...(given as [number]))
  }

  static override now(): number {
    return wall()
  }
}

// Made once: new ones for each run would let Node compile the code under test again and again.
const virtual: Globals = {
  setTimeout: setVirtualTimeout,
  clearTimeout: (timer: Timer | undefined) => timer?.cancel(),
  setInterval: unused,
  setImmediate: unused,
  Date: VirtualDate,
  performance: { now: running },
  crypto: { randomUUID },
}
const virtualClock: Globals = { monotonic }
const virtualMath: Globals = { random: () => current().random.next() }

/** Time and chance as a run decides them, in place of Node's, until the result is called. */
export function installVirtualGlobals(own: VirtualWorld): () => void {
  world = own
  const restoreMath = replace(Math as unknown as Globals, virtualMath)
  const restoreClock = replace(systemClock as unknown as Globals, virtualClock)
  const restoreRest = replace(globalThis, virtual)
  return () => {
    restoreClock()
    restoreMath()
    restoreRest()
    world = undefined
  }
}

class Timer {
  constructor(private readonly event: Scheduled) {}

  cancel(): void {
    this.event.run = undefined
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

function replace(target: Globals, values: Globals): () => void {
  const before = Object.keys(values).map(
    name => [name, Object.getOwnPropertyDescriptor(target, name)!] as const,
  )
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(target, name, { value, configurable: true, enumerable: true, writable: true })
  }
  return () => {
    for (const [name, descriptor] of before) Object.defineProperty(target, name, descriptor)
  }
}
