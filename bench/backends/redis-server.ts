import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../../lib/testing/free-port.js'

const START_MS = 10_000

/** When Redis brings its log to the disk: never, or at each write, as etcd does. */
export type RedisSync = 'none' | 'always'

/** A Redis of this process's own, with its log on disk. Undefined where there is no `redis-server`. */
export class RedisServer implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    readonly address: string,
  ) {}

  static async start(sync: RedisSync, dir: string): Promise<RedisServer | undefined> {
    const [port] = await freePorts(1)
    const log =
      sync === 'always' ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...log]
    const child = spawn('redis-server', args, { stdio: 'ignore' })
    const isMissing = await Promise.race([once(child, 'spawn'), once(child, 'error')]).then(
      () => false,
      () => true,
    )
    if (isMissing) return undefined
    await answers(port!, child)
    return new RedisServer(child, `127.0.0.1:${port}`)
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill()
    await ended
  }
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  const end = performance.now() + START_MS
  while (!(await connects(port))) {
    if (child.exitCode !== null) throw new Error(`redis-server has ended with ${child.exitCode}`)
    if (performance.now() > end) throw new Error('redis-server does not answer')
    await delay(20)
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(port, '127.0.0.1')
    const end = (isConnected: boolean) => (): void => {
      socket.destroy()
      resolve(isConnected)
    }
    socket.once('connect', end(true)).once('error', end(false))
  })
}
