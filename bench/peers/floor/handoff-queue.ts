import { type Answer, answerOf } from './answer.js'
import type { BareCalls } from './bare-calls.js'
import { HandoffKeys } from './handoff-keys.js'
import { Message } from './message.js'
import { compare, FAILURE, put, read, remove, SUCCESS } from './transaction.js'

/** How many waiters are read at once. */
const MOST_READ = 32
/** How long a ticket waits for a release that takes it along. */
const RIDE_MS = 5

/** A waiter, and when its ticket was made. */
type Next = readonly [waiter: string, revision: number]

/** A lock that is held: at which revision it was granted, and who is known to wait next. */
export interface Grant {
  readonly revision: number
  readonly next: readonly Next[]
}

/** What one process wants of one name. No leases, no doubts about answers: it measures, and is no lock. */
export class HandoffQueue {
  private readonly keys: HandoffKeys
  private readonly message = new Message()
  private readonly waiting = new Map<string, (grant: Grant) => void>()
  /** The last grant of each waiter: the same one is told by an answer and by the watch. */
  private readonly last = new Map<string, number>()
  private riding: string[] = []
  private rideTimer: NodeJS.Timeout | undefined

  constructor(
    name: string,
    private readonly calls: BareCalls,
  ) {
    this.keys = new HandoffKeys(name)
  }

  /** A waiter of a process that waits already would stand behind its own kind anyway. */
  acquire(waiter: string): Promise<Grant> {
    const mayRide = this.waiting.size > 0
    return new Promise((resolve, reject) => {
      this.waiting.set(waiter, resolve)
      if (!mayRide) return void this.take([waiter]).catch(reject)
      this.riding.push(waiter)
      this.rideTimer ??= setTimeout(() => void this.take(this.board()).catch(reject), RIDE_MS)
    })
  }

  /** Hands over to the next that is known, and takes along what rides. A list that is wrong is read anew. */
  async release(waiter: string, { revision, next }: Grant): Promise<void> {
    let known = next
    let riders = this.board()
    for (;;) {
      const [first, ...rest] = known
      const successor = first?.[0] ?? riders[0]
      const answer = await this.commit(to => {
        const { lock, tickets } = this.keys
        compare(to, 'mod', lock, revision)
        if (first) compare(to, 'create', this.keys.ticket(first[0]), first[1])
        else compare(to, 'create', tickets, 0)
        if (first) remove(to, SUCCESS, this.keys.ticket(first[0]).key)
        if (successor) put(to, SUCCESS, lock.key, successor)
        else remove(to, SUCCESS, lock.key)
        remove(to, SUCCESS, this.keys.grant(waiter))
        if (successor) put(to, SUCCESS, this.keys.grant(successor), JSON.stringify(rest))
        for (const rider of riders) {
          if (rider !== successor) put(to, SUCCESS, this.keys.ticket(rider).key, '')
          put(to, FAILURE, this.keys.ticket(rider).key, '')
        }
        read(to, FAILURE, tickets, MOST_READ)
      })
      if (answer.succeeded) {
        if (successor) this.tell(successor, { revision: answer.revision, next: rest })
        return
      }
      riders = []
      known = answer.read.map(({ key, create }) => [this.keys.waiterIn(key), create])
    }
  }

  /** By an answer of this process, or by its watch. */
  tell(waiter: string, grant: Grant): void {
    if (grant.revision <= (this.last.get(waiter) ?? 0)) return
    const resolve = this.waiting.get(waiter)
    if (!resolve) return
    this.last.set(waiter, grant.revision)
    this.waiting.delete(waiter)
    resolve(grant)
  }

  /** Takes the lock, or a ticket. */
  private async take(waiters: readonly string[]): Promise<void> {
    const [first, ...others] = waiters as [string, ...string[]]
    const { lock, tickets } = this.keys
    const answer = await this.commit(to => {
      compare(to, 'create', lock, 0)
      compare(to, 'create', tickets, 0)
      put(to, SUCCESS, lock.key, first)
      put(to, SUCCESS, this.keys.grant(first), '[]')
      put(to, FAILURE, this.keys.ticket(first).key, '')
      for (const other of others) {
        for (const branch of [SUCCESS, FAILURE]) put(to, branch, this.keys.ticket(other).key, '')
      }
    })
    if (answer.succeeded) this.tell(first, { revision: answer.revision, next: [] })
  }

  private async commit(write: (to: Message) => void): Promise<Answer> {
    this.message.begin()
    write(this.message)
    return answerOf(await this.calls.send('etcdserverpb.KV/Txn', this.message.take()))
  }

  /** Those that ride, which nobody else takes along from now on. */
  private board(): string[] {
    clearTimeout(this.rideTimer)
    this.rideTimer = undefined
    const riders = this.riding
    this.riding = []
    return riders
  }
}
