import type { LeaseId } from '../../kv/key-value.js'
import { StoreError } from '../store-error.js'
import type { Connection } from './connection.js'
import type { LeaseResponse } from './proto/lease-calls.js'
import { Stream } from './stream.js'

interface Renewal {
  /** Monotonic, and the time that it was given. */
  readonly deadline: number
  readonly withinMs: number
  resolve(ttl: number): void
  reject(error: Error): void
}

/** A timer that is later than this, milliseconds, tells that this process did not run: what has come meanwhile is not read yet. */
const LATE_MS = 50
/** Most that it then takes to read it. */
const LONGEST_GRACE_MS = 1_000

/**
 * Renewals of all leases of this process, on one stream that is open while it is used. Those that wait share a timer: there may be
 * thousands a second.
 */
export class LeaseStream {
  private readonly waiting = new Map<LeaseId, Renewal[]>()
  private readonly stream: Stream<LeaseId, LeaseResponse>
  private timer: NodeJS.Timeout | undefined
  /** When the timer is due, monotonic. */
  private dueAt = Infinity
  /** It was late, and what has come since is being read. */
  private isInGrace = false
  private stopWatching = (): void => {}
  /** The time of the one for which the member is watched. */
  private watchedMs = Infinity

  constructor(
    private readonly connection: Connection,
    private readonly longestMs: number,
  ) {
    this.stream = new Stream(connection, member => member.renewals(), {
      onData: response => this.answer(response),
      onDown: error => this.failAll(error),
    })
  }

  /** Resolves to the seconds left; 0 when the lease is gone. @throws StoreError, at once where no time is left. */
  renew(id: LeaseId, timeoutMs = this.longestMs): Promise<number> {
    const withinMs = Math.min(timeoutMs, this.longestMs)
    // It would end the stream that all others share.
    if (withinMs <= 0) return this.refuse()
    return new Promise((resolve, reject) => {
      this.send(id, { deadline: performance.now() + withinMs, withinMs, resolve, reject })
    })
  }

  close(): void {
    this.stream.close()
    this.failAll(new StoreError('closed', 'The connection to etcd is closed.'))
  }

  private refuse(): Promise<never> {
    return Promise.resolve().then(() => {
      this.connection.assertOpen()
      throw silence(0)
    })
  }

  private send(id: LeaseId, renewal: Renewal): void {
    this.stream.write(id)
    const others = this.waiting.get(id)
    if (others) others.push(renewal)
    else this.waiting.set(id, [renewal])
    if (renewal.deadline < this.dueAt) this.expectAnswer(renewal)
    else if (renewal.withinMs < this.watchedMs) this.watchFor(renewal.withinMs)
  }

  /** Of those that wait, this is the first whose time is over. */
  private expectAnswer({ deadline, withinMs }: Renewal): void {
    this.expectNothing()
    this.dueAt = deadline
    this.timer = setTimeout(() => this.onDue(), deadline - performance.now())
    this.watchFor(withinMs)
  }

  /** The less time one has, the sooner its member is to be checked. */
  private watchFor(ms: number): void {
    this.stopWatching()
    this.watchedMs = ms
    this.stopWatching = this.connection.expectAnswer(this.stream.doubt, ms)
  }

  private expectNothing(): void {
    clearTimeout(this.timer)
    this.stopWatching()
    this.watchedMs = this.dueAt = Infinity
    this.isInGrace = false
  }

  /** What the timer was for may have been answered long ago. A timer may be early by a millisecond. */
  private onDue(): void {
    const now = Math.max(this.dueAt, performance.now())
    const left = [...this.waiting.values()].flat()
    if (left.length === 0) return this.expectNothing()
    const first = left.reduce((a, b) => (b.deadline < a.deadline ? b : a))
    if (first.deadline > now) return this.expectAnswer(first)
    const lateness = Math.min(now - this.dueAt, LONGEST_GRACE_MS)
    if (lateness > LATE_MS && !this.isInGrace) {
      this.expectAnswer({ ...first, deadline: now + lateness })
      this.isInGrace = true
      return
    }
    this.onSilence(first.withinMs, now)
  }

  /**
   * A member handles the renewals of one stream one after the other, and passes them on to its leader: when that is silent
   * they wait for seconds, though the member is well, and a new stream is served. Only a renewal that had the time of any
   * call tells that the member is not.
   */
  private onSilence(ms: number, now: number): void {
    if (ms === this.longestMs) return this.stream.fail(silence(ms))
    this.stream.doubt()
    this.sendAgain(now)
  }

  /** On another stream, but for those whose time is over: to renew a lease twice does no harm. */
  private sendAgain(now: number): void {
    const waiting = [...this.waiting]
    this.stream.close()
    this.waiting.clear()
    this.expectNothing()
    for (const [id, renewals] of waiting) {
      for (const renewal of renewals) {
        if (renewal.deadline <= now) renewal.reject(silence(renewal.withinMs))
        else this.send(id, renewal)
      }
    }
  }

  /** etcd answers the renewals of one lease in their order. */
  private answer({ id, ttl }: LeaseResponse): void {
    const renewals = this.waiting.get(id)
    const first = renewals?.shift()
    if (renewals?.length === 0) this.waiting.delete(id)
    if (this.waiting.size === 0) {
      this.expectNothing()
      this.stream.idle()
    }
    first?.resolve(ttl)
  }

  private failAll(error: Error): void {
    const renewals = [...this.waiting.values()].flat()
    this.waiting.clear()
    this.expectNothing()
    for (const renewal of renewals) renewal.reject(error)
  }
}

function silence(ms: number): StoreError {
  return new StoreError('unreachable', `etcd did not renew a lease within ${Math.round(ms)} ms.`)
}
