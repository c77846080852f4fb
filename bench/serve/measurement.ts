import { quantile } from '../quantile.js'
import { Listeners } from './listeners.js'
import { Clients, type Load } from './load.js'
import type { MeasureOptions } from './options.js'
import type { Served } from './served.js'

/** How often the way from a DELETE to its frames is measured. */
const DELETIONS = 100

/** Something that was measured: in words, and its figures, each of several rounds or of one. */
export interface Reading {
  readonly what: string
  readonly value: string
  readonly figures: Readonly<Record<string, readonly number[]>>
}

/** What one server does, and what it needs. */
export class Measurement {
  constructor(
    private readonly server: Served,
    private readonly options: MeasureOptions,
  ) {}

  /** Each reading as soon as it is there. */
  async *readings(): AsyncGenerator<Reading, void> {
    yield await this.memory('memory at the start', 'memoryAtStart')
    yield* this.loads([1, 64])
    yield* this.delays()
    yield* this.crowds()
  }

  /** In turns, so that a noisy moment strikes all alike. The first is not counted: a young process is slow. */
  private async *loads(connections: readonly number[]): AsyncGenerator<Reading, void> {
    const { seconds, rounds } = this.options
    const loads = new Map<number, Load[]>(connections.map(count => [count, []]))
    for (let round = 0; round <= rounds; round++) {
      for (const count of connections) {
        const clients = await Clients.open(this.server.url, count)
        const load = await clients.cycle(seconds).finally(() => clients.close())
        if (round > 0) loads.get(count)!.push(load)
      }
    }
    for (const [count, each] of loads) {
      const speeds = each.map(({ cyclesPerSecond }) => cyclesPerSecond)
      const speed = `${quantile(speeds, 0.5).toFixed(0)} cycles/s (${speeds.map(one => one.toFixed(0)).join(', ')})`
      yield {
        what: `POST and DELETE, connections: ${count}`,
        value: `${speed}, a request ${spread(each.flatMap(load => load.latencies))}`,
        figures: {
          [`cyclesPerSecond${count}`]: speeds,
          [`requestP50At${count}`]: each.map(({ latencies }) => quantile(latencies, 0.5)),
        },
      }
    }
  }

  private async *delays(): AsyncGenerator<Reading, void> {
    const listeners = await Listeners.open(this.server.url, 1)
    const clients = await Clients.open(this.server.url, 1)
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
    yield {
      what: 'from the sending of DELETE to the frame of a WebSocket',
      value: spread(delays),
      figures: { frameP50: [quantile(delays, 0.5)] },
    }
  }

  private async *crowds(): AsyncGenerator<Reading, void> {
    const { locks, sockets } = this.options
    const clients = await Clients.open(this.server.url, 32)
    const start = performance.now()
    const ids = await clients.hold(locks)
    const seconds = (performance.now() - start) / 1000
    yield await this.memory(`memory with ${locks} locks, taken in ${seconds.toFixed(1)} s`, 'memoryWithLocks')
    yield await this.listing(clients)
    const listeners = await Listeners.open(this.server.url, sockets)
    yield await this.memory(`memory with ${sockets} WebSockets besides`, 'memoryWithSockets')
    const [id] = ids.splice(0, 1)
    const heard = listeners.heardOf(id!)
    const sent = performance.now()
    await clients.ask('DELETE', `/v1/locks/${id}`)
    const delay = (await heard) - sent
    yield {
      what: `from DELETE to the last of ${sockets} frames`,
      value: `${delay.toFixed(0)} ms`,
      figures: { lastFrame: [delay] },
    }
    listeners.close()
    await clients.release(ids)
    await clients.close()
  }

  /** How long the list of all locks takes, and how long other requests wait for it at most. The first is not counted. */
  private async listing(clients: Clients): Promise<Reading> {
    const lists: number[] = []
    const waits: number[] = []
    for (let round = 0; round <= this.options.rounds; round++) {
      const { list, longest } = await listOnce(clients)
      if (round === 0) continue
      lists.push(list)
      waits.push(longest)
    }
    const [list, wait] = [lists, waits].map(each => quantile(each, 0.5).toFixed(0))
    return {
      what: 'GET /v1/locks of them',
      value: `${list} ms, another request meanwhile at most ${wait} ms, ${Math.max(...waits).toFixed(0)} in all`,
      figures: { list: lists, besideList: waits },
    }
  }

  private async memory(what: string, figure: string): Promise<Reading> {
    const megabytes = await this.server.memory()
    return { what, value: `${megabytes.toFixed(0)} MB`, figures: { [figure]: [megabytes] } }
  }
}

/** In milliseconds: the list, and the longest that another request waits meanwhile. */
async function listOnce(clients: Clients): Promise<{ readonly list: number; readonly longest: number }> {
  let isOver = false
  const start = performance.now()
  const listed = clients.skim('/v1/locks').then(() => {
    isOver = true
    return performance.now() - start
  })
  let longest = 0
  while (!isOver) {
    const asked = performance.now()
    await clients.skim('/healthchecker')
    longest = Math.max(longest, performance.now() - asked)
  }
  return { list: await listed, longest }
}

function spread(milliseconds: readonly number[]): string {
  const [half, most] = [0.5, 0.99].map(share => quantile(milliseconds, share).toFixed(1))
  return `p50 ${half} ms, p99 ${most} ms`
}
