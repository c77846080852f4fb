/** From a worker to the parent, which answers `passed` when the resource has counted it. */
export type Passage =
  | { readonly pass: 'enter'; readonly name: string; readonly waitedMs: number }
  | { readonly pass: 'leave'; readonly name: string }

/** From a worker to the parent: it can talk to etcd. */
export type Ready = 'ready'

/** From the parent to a worker. */
export type Reply = 'start' | 'stop' | { readonly passed: string }

/** A worker's way to the resources, which live in the parent process. When that is gone, this process ends. */
export class Door {
  stopped = false
  private open: (() => void) | undefined
  private readonly passing = new Map<string, () => void>()

  constructor() {
    process.on('message', (reply: Reply) => {
      if (reply === 'start') this.open?.()
      else if (reply === 'stop') this.stopped = true
      else this.passing.get(reply.passed)?.()
    })
    process.on('disconnect', () => process.exit())
  }

  /** Resolves when all workers may start. */
  opened(): Promise<void> {
    return new Promise(resolve => {
      this.open = resolve
      this.send('ready')
    })
  }

  /** Resolves when the resource has counted it: before that, neither work nor another holder may begin. */
  pass(passage: Passage): Promise<void> {
    return new Promise(resolve => {
      this.passing.set(passage.name, resolve)
      this.send(passage)
    })
  }

  close(): void {
    process.disconnect()
  }

  private send(message: Passage | Ready): void {
    // Nothing to do when it cannot be sent: then the parent is gone, and `disconnect` ends this process.
    process.send!(message, undefined, undefined, () => {})
  }
}
