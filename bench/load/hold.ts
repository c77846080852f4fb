import { setTimeout as delay } from 'node:timers/promises'
import { Lock } from '../../lib/index.js'
import { quantile } from '../quantile.js'
import { now } from '../now.js'

const TTL = 30
/** A renewal is due every third of the ttl, and comes somewhat earlier: in a pause of this length each lock is renewed. */
const REST_MS = (TTL * 1000) / 3
const AT_ONCE = 64
const CYCLES = 200
/** How often so many: a figure is the median of them, since a noisy moment of the machine lasts as long as one. */
const ROUNDS = 5

/** What a process needs that holds so many locks. */
export interface Needed {
  /** Bytes on the heap, after a collection of what is not used. */
  readonly heap: number
  /** Share of one core while nothing but renewals happens. */
  readonly cpu: number
  /** Milliseconds of the acquisition and the release of one more, of each round. */
  readonly cycleP50: readonly number[]
  /** How many a second were taken, to get here. */
  readonly taken: number
}

/** A process that holds many locks, each with a handle that is renewed. Node must expose its garbage collection. */
export class HoldingProcess {
  private readonly lock: Lock
  private count = 0

  constructor(endpoint: string) {
    this.lock = new Lock({
      config: { endpoints: [endpoint] },
      prefix: 'custom',
      owner: 'bench',
      dryRun: false,
    })
  }

  /** Takes locks until there are so many. */
  async hold(wanted: number): Promise<Needed> {
    const [start, before] = [now(), this.count]
    const take = async (): Promise<void> => {
      while (this.count < wanted) await this.lock.exclusive(`held-${this.count++}`, { ttl: TTL })
    }
    await Promise.all(Array.from({ length: AT_ONCE }, take))
    const taken = ((wanted - before) / (now() - start)) * 1000
    // What the taking has left is not to be collected in the time of the rest.
    await heap()
    return { taken, cpu: await restingCpu(), heap: await heap(), cycleP50: await this.cycleP50() }
  }

  /** The first round is not counted. */
  private async cycleP50(): Promise<number[]> {
    const rounds: number[] = []
    for (let round = 0; round <= ROUNDS; round++) rounds.push(await this.roundP50())
    return rounds.slice(1)
  }

  private async roundP50(): Promise<number> {
    const times: number[] = []
    while (times.length < CYCLES) {
      const start = now()
      const id = await this.lock.acquire('one-more', { concurrency: 1, ttl: TTL })
      await this.lock.release('one-more', id)
      times.push(now() - start)
    }
    return quantile(times, 0.5)
  }
}

async function restingCpu(): Promise<number> {
  const [start, cpu] = [now(), process.cpuUsage()]
  await delay(REST_MS)
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / 1000 / (now() - start)
}

/** Twice, since what is finalized after one collection goes with the next. */
async function heap(): Promise<number> {
  for (let time = 0; time < 2; time++) {
    globalThis.gc!()
    await delay(10)
  }
  return process.memoryUsage().heapUsed
}
