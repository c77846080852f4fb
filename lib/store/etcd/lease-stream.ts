import type { LeaseId } from '../../kv/key-value.js'
import { StoreError } from '../store-error.js'
import type { Connection } from './connection.js'
import type { KeepAliveResponse } from './proto/lease-keep-alive.js'
import { Stream } from './stream.js'

interface Renewal {
  resolve(ttl: number): void
  reject(error: Error): void
}

/** Renewals of all leases of this process, on one stream that is open while it is used. */
export class LeaseStream {
  private readonly waiting = new Map<LeaseId, Renewal[]>()
  private readonly stream: Stream<LeaseId, KeepAliveResponse>

  constructor(
    private readonly connection: Connection,
    private readonly longestMs: number,
  ) {
    this.stream = new Stream(connection, member => member.renewals(), {
      onData: response => this.answer(response),
      onDown: error => this.failAll(error),
    })
  }

  /** Resolves to the seconds left; 0 when the lease is gone. */
  renew(id: LeaseId, timeoutMs = this.longestMs): Promise<number> {
    const withinMs = Math.max(0, Math.min(timeoutMs, this.longestMs))
    return new Promise((resolve, reject) => {
      this.stream.write(id)
      const timer = setTimeout(() => this.onSilence(withinMs), withinMs)
      const stopWatching = this.connection.expectAnswer(this.stream.doubt, withinMs)
      const settle = <T>(then: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer)
          stopWatching()
          then(value)
        }
      }
      const renewals = this.waiting.get(id) ?? []
      renewals.push({ resolve: settle(resolve), reject: settle(reject) })
      this.waiting.set(id, renewals)
    })
  }

  close(): void {
    this.stream.close()
    this.failAll(new StoreError('closed', 'The connection to etcd is closed.'))
  }

  /**
   * A member handles the renewals of one stream one after the other, and passes them on to its leader: when that is silent
   * they wait for seconds, though the member is well, and a new stream is served. Only a renewal that had the time of any
   * call tells that the member is not.
   */
  private onSilence(ms: number): void {
    const error = new StoreError('unreachable', `etcd did not renew a lease within ${ms} ms.`)
    if (ms === this.longestMs) return this.stream.fail(error)
    this.stream.doubt()
    this.stream.renew(error)
  }

  /** etcd answers the renewals of one lease in their order. */
  private answer({ id, ttl }: KeepAliveResponse): void {
    const renewals = this.waiting.get(id) ?? []
    const first = renewals.shift()
    if (renewals.length === 0) this.waiting.delete(id)
    if (this.waiting.size === 0) this.stream.idle()
    first?.resolve(ttl)
  }

  private failAll(error: Error): void {
    const renewals = [...this.waiting.values()].flat()
    this.waiting.clear()
    for (const renewal of renewals) renewal.reject(error)
  }
}
