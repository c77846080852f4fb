import type { Random } from './random.js'
import type { Terms } from './request.js'

/** What the clients of one run are likely to do. */
export class Habits {
  readonly names: readonly string[]
  /** Calls of each client. */
  readonly calls: number
  /** Milliseconds between calls, at most. */
  readonly idleMs: number
  readonly longestTtl: number
  private readonly concurrencies: readonly number[]
  private readonly acts: readonly Act[]

  constructor(
    random: Random,
    /** When the faults end, and clients begin nothing more. */
    readonly endMs: number,
  ) {
    this.names = random.chance(0.3) ? ['a', 'b'] : ['a']
    this.calls = random.whole(1, 3)
    this.longestTtl = random.pick([2, 3, 10, 30, 90])
    this.idleMs = random.anyScale(10, 10_000)
    this.concurrencies = random.pick([[1], [1], [1, 1, 0], [0, 1, 2], [2], [2, 2, 1]])
    const all: Act[] = ['hold', 'hold', 'hold', 'acquire', 'tryAcquire']
    if (random.chance(0.4)) all.push('meddle')
    if (this.names.length > 1) all.push('holdAll', 'holdAll')
    this.acts = all
  }

  act(random: Random): Act {
    return random.pick(this.acts)
  }

  terms(random: Random, count: number): Terms {
    const names = count === 1 ? [random.pick(this.names)] : random.chance(0.5) ? ['a', 'b'] : ['b', 'a']
    return { names, concurrency: random.pick(this.concurrencies), ttl: this.ttl(random) }
  }

  ttl(random: Random): number {
    return random.whole(2, this.longestTtl)
  }
}

export type Act = 'hold' | 'holdAll' | 'tryAcquire' | 'acquire' | 'meddle'
