import { answerOf } from './answer.js'
import type { BareCalls } from './bare-calls.js'
import { Message } from './message.js'
import { nested, SUCCESS } from './transaction.js'

/** With one call, etcd would rest while Node makes the next; with more, etcd is asked for more and smaller ones. */
const MOST_CALLS = 2
const MOST_COMMITS = 64

interface Commit {
  readonly write: (to: Message) => void
  readonly resolve: (revision: number) => void
  readonly reject: (error: Error) => void
}

/** Sends the commits of all clients of a process as transactions nested in few calls. No two of them may share a key. */
export class Combiner {
  private readonly message = new Message()
  private waiting: Commit[] = []
  private callsUnderWay = 0
  private isPlanned = false

  constructor(private readonly calls: BareCalls) {}

  /** Resolves to its revision. @throws Error when its compares do not hold. */
  commit(write: (to: Message) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ write, resolve, reject })
      this.plan()
    })
  }

  /** After all that is ready to run, so that it travels together. */
  private plan(): void {
    if (this.isPlanned) return
    this.isPlanned = true
    setImmediate(() => {
      this.isPlanned = false
      while (this.callsUnderWay < MOST_CALLS && this.waiting.length > 0) void this.send()
    })
  }

  private async send(): Promise<void> {
    const commits = this.waiting.splice(0, MOST_COMMITS)
    this.message.begin()
    for (const { write } of commits) nested(this.message, SUCCESS, () => write(this.message))
    this.callsUnderWay++
    try {
      const answer = answerOf(await this.calls.send('etcdserverpb.KV/Txn', this.message.take()))
      commits.forEach(({ resolve, reject }, at) => {
        if (answer.nested[at]) resolve(answer.revision)
        else reject(new Error('the name of the floor has another client, too'))
      })
    } catch (error) {
      for (const { reject } of commits) reject(error as Error)
    } finally {
      this.callsUnderWay--
      this.plan()
    }
  }
}
