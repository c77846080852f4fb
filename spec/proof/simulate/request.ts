import type { Held } from '../../../lib/lock/hold/held-lock.js'
import type { Host } from './host.js'

export interface Terms {
  readonly names: readonly string[]
  readonly concurrency: number
  /** Seconds. */
  readonly ttl: number
}

/** What one process asked for, from the call until nobody cares any more. */
export class Request {
  phase: 'waiting' | 'held' | 'over' = 'waiting'
  handle: Held | undefined
  isReleased = false
  /** Another client has laid hands on it, and may have ended it at any time. */
  isMeddledWith = false
  /** Its holder key was taken away, rightly: its holder cannot know at once. */
  isOverthrown = false
  /** Since when its process knows, or could know, what it does not act upon. */
  overdueSince: number | undefined
  endedAt = Infinity

  constructor(
    readonly uuid: string,
    readonly host: Host,
    readonly terms: Terms,
  ) {}

  end(now: number): void {
    this.phase = 'over'
    this.endedAt = now
  }
}
