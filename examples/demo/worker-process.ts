import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Passage, Ready, Reply } from './door.js'
import type { WorkerTask } from './worker.js'

/** The parent's end of one worker. */
export class WorkerProcess {
  readonly name: string
  /** Resolves when it can start, or never will. */
  readonly ready: Promise<unknown>
  /** Resolves when the process has ended: undefined when it ended as it was meant to. */
  readonly failure: Promise<string | undefined>
  private readonly child: ChildProcess
  private killed = false

  constructor(task: WorkerTask, onPassage: (worker: WorkerProcess, passage: Passage) => void) {
    this.name = `worker ${task.number}`
    // All of the demo is one bundle, so this file is that of the worker too.
    this.child = fork(fileURLToPath(import.meta.url), ['worker', JSON.stringify(task)])
    this.failure = once(this.child, 'exit').then(([code, signal]) =>
      this.killed || code === 0 ? undefined : `${this.name} ended with ${code ?? signal}`,
    )
    const ready = new Promise<void>(resolve => {
      this.child.on('message', (message: Passage | Ready) => {
        if (message === 'ready') resolve()
        else if (!this.killed) onPassage(this, message)
      })
    })
    this.ready = Promise.race([ready, this.failure])
  }

  start(): void {
    this.send('start')
  }

  letPass(name: string): void {
    this.send({ passed: name })
  }

  /** Asks it to end after what it is doing. */
  stop(): void {
    this.send('stop')
  }

  /** Without warning; nothing that it still says is heard. */
  kill(): void {
    this.killed = true
    this.child.kill('SIGKILL')
  }

  private send(reply: Reply): void {
    // Nothing to do when it cannot be sent: then the worker has ended, and `failure` says how.
    this.child.send(reply, () => {})
  }
}
