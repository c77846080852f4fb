import { quantile } from '../quantile.js'
import { Listeners } from './listeners.js'
import { Clients, type Load } from './load.js'
import type { MeasureOptions } from './options.js'
import type { Served } from './served.js'

/** How often the way from a DELETE to its frames is measured. */
const DELETIONS = 100

/** What one server does, and what it needs. */
export class Measurement {
  constructor(
    private readonly server: Served,
    private readonly options: MeasureOptions,
  ) {}

  /** Each figure as it is measured: what, and how much. */
  async *figures(): AsyncGenerator<readonly [what: string, value: string], void> {
    yield ['memory at the start', await this.memory()]
    yield* this.loads([1, 64])
    yield* this.delays()
    yield* this.crowds()
  }

  /** In turns, so that a noisy moment strikes all alike. The first is not counted: a young process is slow. */
  private async *loads(connections: readonly number[]): AsyncGenerator<readonly [string, string], void> {
    const { seconds, rounds } = this.options
    const loads = new Map<number, Load[]>(connections.map(count => [count, []]))
    for (let round = 0; round <= rounds; round++) {
      for (const count of connections) {
        const clients = new Clients(this.server.url, count)
        const load = await clients.cycle(seconds).finally(() => clients.close())
        if (round > 0) loads.get(count)!.push(load)
      }
    }
    for (const [count, each] of loads) {
      const speeds = each.map(({ cyclesPerSecond }) => cyclesPerSecond)
      const speed = `${quantile(speeds, 0.5).toFixed(0)} cycles/s (${speeds.map(one => one.toFixed(0)).join(', ')})`
      yield [
        `POST and DELETE, connections: ${count}`,
        `${speed}, a request ${spread(each.flatMap(load => load.latencies))}`,
      ]
    }
  }

  private async *delays(): AsyncGenerator<readonly [string, string], void> {
    const listeners = await Listeners.open(this.server.url, 1)
    const clients = new Clients(this.server.url, 1)
    const delays: number[] = []
    for (let deletion = 0; deletion < DELETIONS; deletion++) {
      const { id } = await clients.ask('POST', '/v1/locks', { lock_name: 'heard of', creator: null })
      const heard = listeners.heardOf(id)
      const sent = performance.now()
      await clients.ask('DELETE', `/v1/locks/${id}`)
      delays.push((await heard) - sent)
    }
    listeners.close()
    await clients.close()
    yield ['from the sending of DELETE to the frame of a WebSocket', spread(delays)]
  }

  private async *crowds(): AsyncGenerator<readonly [string, string], void> {
    const { locks, sockets } = this.options
    const clients = new Clients(this.server.url, 32)
    const start = performance.now()
    const ids = await clients.hold(locks)
    const seconds = (performance.now() - start) / 1000
    yield [`memory with ${locks} locks, taken in ${seconds.toFixed(1)} s`, await this.memory()]
    const listing = performance.now()
    await clients.ask('GET', '/v1/locks')
    yield [`GET /v1/locks of them`, `${(performance.now() - listing).toFixed(0)} ms`]
    const listeners = await Listeners.open(this.server.url, sockets)
    yield [`memory with ${sockets} WebSockets besides`, await this.memory()]
    const [id] = ids.splice(0, 1)
    const heard = listeners.heardOf(id!)
    const sent = performance.now()
    await clients.ask('DELETE', `/v1/locks/${id}`)
    yield [`from DELETE to the last of ${sockets} frames`, `${((await heard) - sent).toFixed(0)} ms`]
    listeners.close()
    await clients.release(ids)
    await clients.close()
  }

  private async memory(): Promise<string> {
    return `${(await this.server.memory()).toFixed(0)} MB`
  }
}

function spread(milliseconds: readonly number[]): string {
  const [half, most] = [0.5, 0.99].map(share => quantile(milliseconds, share).toFixed(1))
  return `p50 ${half} ms, p99 ${most} ms`
}
