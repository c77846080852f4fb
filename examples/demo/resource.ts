export interface Limit {
  readonly name: string
  /** How many may be inside at once, 0 = any number. */
  readonly limit: number
}

export const EXCLUSIVE: Limit = { name: 'demo-exclusive', limit: 1 }

export const LIMITS: readonly Limit[] = [
  EXCLUSIVE,
  { name: 'demo-semaphore', limit: 3 },
  { name: 'demo-unlimited', limit: 0 },
]

/** What a lock guards. It counts who is inside, knows nothing of locks, and screams when they are too many. */
export class Resource {
  entries = 0
  mostAtOnce = 0
  readonly violations: string[] = []
  /** Milliseconds that each entry had waited for its lock. */
  readonly waits: number[] = []
  private inside: string[] = []

  constructor(
    readonly name: string,
    readonly limit: number,
  ) {}

  get occupancy(): number {
    return this.inside.length
  }

  enter(who: string, waitedMs: number): void {
    this.entries++
    this.waits.push(waitedMs)
    if (this.limit > 0 && this.inside.length >= this.limit) {
      this.violations.push(
        `${this.name} lets ${this.limit} in, and ${who} entered beside ${this.inside.join(', ')}`,
      )
    }
    this.inside.push(who)
    this.mostAtOnce = Math.max(this.mostAtOnce, this.inside.length)
  }

  leave(who: string): void {
    this.inside = this.inside.filter(other => other !== who)
  }
}
