import type { KeyRange, LeaseId } from '../../kv/key-value.js'
import type { Transaction, TransactionResult } from '../../kv/transaction.js'
import type { GrantedLease, Leases, Store, Watch, WatchListener } from '../store.js'
import { isStoreError } from '../store-error.js'
import { Connection } from './connection.js'
import { LeaseStream } from './lease-stream.js'
import type { EtcdOptions } from './options.js'
import { WatchStream } from './watch-stream.js'
import { decodeTransaction, encodeTransaction } from './wire.js'

/** The store on a real etcd (v3 API, 3.4 or newer). Connects at the first call. */
export class EtcdStore implements Store {
  readonly leases: Leases = {
    grant: ttl => this.grant(ttl),
    renew: id => this.renewals.renew(id),
    revoke: id => this.revoke(id),
  }
  private readonly connection: Connection
  private readonly watches: WatchStream
  private readonly renewals: LeaseStream

  constructor(options: EtcdOptions) {
    this.connection = new Connection(options)
    this.watches = new WatchStream(this.connection)
    this.renewals = new LeaseStream(this.connection, options.callTimeoutMs)
  }

  async commit(transaction: Transaction): Promise<TransactionResult> {
    const request = encodeTransaction(transaction)
    return decodeTransaction(await this.connection.call(client => client.kv.txn(request)))
  }

  watch(range: KeyRange, listener: WatchListener): Watch {
    return this.watches.watch(range, listener)
  }

  close(): Promise<void> {
    this.watches.close()
    this.renewals.close()
    this.connection.close()
    return Promise.resolve()
  }

  private async grant(ttl: number): Promise<GrantedLease> {
    const { ID, TTL } = await this.connection.call(client => client.leaseClient.leaseGrant({ TTL: ttl }))
    return { id: ID, ttl: Number(TTL) }
  }

  private async revoke(id: LeaseId): Promise<void> {
    try {
      await this.connection.call(client => client.leaseClient.leaseRevoke({ ID: id }))
    } catch (error) {
      if (!isStoreError(error, 'lease-not-found')) throw error
    }
  }
}
