import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { peerNamed } from '../peers/index.js'
import type { Stores } from '../peers/peer.js'
import type { Load, Measured } from './load.js'
import { runLoad } from './run-load.js'

type Answer = { readonly measured: Measured } | { readonly failed: string }

/** A process that uses one peer, so that its CPU is that of the peer and of nothing else. */
export class Worker {
  private constructor(private readonly child: ChildProcess) {}

  static async start(peer: string, stores: Stores): Promise<Worker> {
    const task = ['worker', peer, JSON.stringify(stores)]
    const child = fork(process.argv[1]!, task, { serialization: 'advanced' })
    await Promise.race([once(child, 'message'), failedEnd(child, peer)])
    return new Worker(child)
  }

  async run(load: Load): Promise<Measured> {
    this.child.send(load)
    const [answer] = (await Promise.race([once(this.child, 'message'), failedEnd(this.child, 'it')])) as [
      Answer,
    ]
    if ('failed' in answer) throw new Error(answer.failed)
    return answer.measured
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.disconnect()
    await ended
  }
}

async function failedEnd(child: ChildProcess, what: string): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null]
  throw new Error(`the process of ${what} has ended with ${code}`)
}

/** What the process of a {@link Worker} does, until its parent is gone. */
export async function work(peer: string, stores: Stores): Promise<void> {
  const opened = await peerNamed(peer).open(stores)
  process.on('message', load => {
    runLoad(opened, load as Load).then(
      measured => process.send!({ measured }),
      (error: Error) => process.send!({ failed: `${peer}: ${error.stack}` }),
    )
  })
  process.on('disconnect', () => void opened.close().finally(() => process.exit()))
  process.send!('ready')
}
