import type { Etcd } from './etcd.js'
import type { Host } from './host.js'
import type { LockView } from './lock-view.js'
import type { Request } from './request.js'
import type { Scheduler } from './scheduler.js'
import { Violation } from './violation.js'
import type { Weather } from './weather.js'

/** What those who judge a run look at. */
export class World {
  /** By uuid: all that was ever asked for. */
  readonly requests = new Map<string, Request>()
  /** The first that was found. */
  violation: Violation | undefined

  constructor(
    readonly scheduler: Scheduler,
    readonly weather: Weather,
    readonly etcd: Etcd,
    readonly hosts: readonly Host[],
    readonly locks: readonly LockView[],
  ) {}

  get now(): number {
    return this.scheduler.now
  }

  get living(): readonly Host[] {
    return this.hosts.filter(host => !host.isDead)
  }

  violate(text: string): void {
    const { scheduler } = this
    scheduler.trace.add(scheduler.now, '', 'VIOLATION', () => text)
    this.violation ??= new Violation(`at ${(scheduler.now / 1000).toFixed(3)} s: ${text}`)
  }

  /** Whether the process of a handle takes itself for the holder, judged by its clocks, without making it look. */
  believes({ host, handle, isReleased }: Request): boolean {
    if (host.isDead || isReleased || !handle || handle.signal.aborted) return false
    return handle.deadline.getTime() > host.wall(this.now)
  }
}
