import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { RelukkoServer } from '../../lib/server/index.js'

/** For this measurement only: the server listens on loopback. */
export const KEY = 'a key to measure with'

/** A server in a process of its own, so that the load is not measured with it. */
export class Served {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(endpoints: readonly string[]): Promise<Served> {
    const child = fork(process.argv[1]!, ['server', JSON.stringify(endpoints)])
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the server has ended with ${code} before it listened`)
    })
    const [url] = (await Promise.race([once(child, 'message'), ended])) as [string]
    ended.catch(() => {})
    return new Served(child, url)
  }

  /** Megabytes that its process occupies. */
  async memory(): Promise<number> {
    this.child.send('memory')
    const [bytes] = (await once(this.child, 'message')) as [number]
    return bytes / 1e6
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit')
    this.child.disconnect()
    await ended
  }
}

/** What the process of a {@link Served} does, until nobody listens to it. */
export async function serve(endpoints: readonly string[]): Promise<void> {
  const server = await RelukkoServer.create({ config: { endpoints }, apiKeys: { measure: KEY } })
  process.on('message', () => process.send!(process.memoryUsage.rss()))
  process.on('disconnect', () => void server.close())
  process.send!(await server.listen({ port: 0 }))
}
