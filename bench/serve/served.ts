import { keepHeapSmall } from '../../lib/cli/commands/small-heap.js'
import { RelukkoServer } from '../../lib/server/index.js'
import { answerQuestions, Child } from '../processes/child.js'

/** For this measurement only: the server listens on loopback. */
export const KEY = 'a key to measure with'

interface Told {
  readonly url: string
  readonly bytes: number
}

/** A server in a process of its own, so that the load is not measured with it. */
export class Served implements AsyncDisposable {
  private constructor(
    private readonly child: Child,
    readonly url: string,
  ) {}

  static async start(endpoints: readonly string[]): Promise<Served> {
    const child = await Child.start('server', endpoints)
    return new Served(child, (await child.ask<Told>({})).url)
  }

  /** Megabytes that its process occupies. */
  async memory(): Promise<number> {
    return (await this.child.ask<Told>({})).bytes / 1e6
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]()
  }
}

/** What the process of a {@link Served} does, as `spicelock serve` does it, until nobody listens to it. */
export async function serve(endpoints: readonly string[]): Promise<void> {
  keepHeapSmall()
  const server = await RelukkoServer.create({ config: { endpoints }, apiKeys: { measure: KEY } })
  const url = await server.listen({ port: 0 })
  answerQuestions(
    (): Promise<Told> => Promise.resolve({ url, bytes: process.memoryUsage.rss() }),
    () => server.close(),
  )
}
