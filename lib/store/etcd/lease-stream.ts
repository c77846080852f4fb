import type { ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3'
import type { LeaseId } from '../../kv/key-value.js'
import { StoreError } from '../store-error.js'
import type { Connection } from './connection.js'
import { Stream } from './stream.js'

interface Renewal {
  resolve(ttl: number): void
  reject(error: Error): void
}

/** Renewals of all leases of this process, on one stream that is open while it is used. */
export class LeaseStream {
  private readonly waiting = new Map<LeaseId, Renewal[]>()
  private readonly stream: Stream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>

  constructor(
    connection: Connection,
    private readonly timeoutMs: number,
  ) {
    this.stream = new Stream(connection, client => client.leaseClient.leaseKeepAlive(), {
      onData: response => this.answer(response),
      onDown: error => this.failAll(error),
    })
  }

  /** Resolves to the seconds left; 0 when the lease is gone. */
  renew(id: LeaseId): Promise<number> {
    return new Promise((resolve, reject) => {
      this.stream.write({ ID: id })
      const timer = setTimeout(() => {
        this.stream.fail(
          new StoreError('unreachable', `etcd did not renew a lease within ${this.timeoutMs} ms.`),
        )
      }, this.timeoutMs)
      const settle = <T>(then: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer)
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

  /** etcd answers the renewals of one lease in their order. */
  private answer({ ID, TTL }: ILeaseKeepAliveResponse): void {
    const renewals = this.waiting.get(ID) ?? []
    const first = renewals.shift()
    if (renewals.length === 0) this.waiting.delete(ID)
    if (this.waiting.size === 0) this.stream.idle()
    first?.resolve(Number(TTL))
  }

  private failAll(error: Error): void {
    const renewals = [...this.waiting.values()].flat()
    this.waiting.clear()
    for (const renewal of renewals) renewal.reject(error)
  }
}
