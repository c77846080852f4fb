import type { WatchedRange, LeaseId } from '../../kv/key-value.js'
import type { Transaction, TransactionResult } from '../../kv/transaction.js'
import type {
  CallOptions,
  GrantedLease,
  Leases,
  RemainingLease,
  Store,
  Watch,
  WatchListener,
} from '../store.js'
import { isStoreError } from '../store-error.js'
import { Batcher } from './batch/batcher.js'
import { Rights } from './batch/rights.js'
import { CallSlots } from './call-slots.js'
import { Connection, type MemberCallOptions } from './connection.js'
import { LeaseStream } from './lease-stream.js'
import { knownDefect } from './known-defects.js'
import { MergedWatch } from './merged-watch.js'
import type { EtcdOptions } from './options.js'
import { checkedLease } from './proto/lease-calls.js'
import { WatchStream } from './watch-stream.js'

/** How many leases are being granted or revoked at a time: each is a commit of its own, which etcd writes together with the others. */
const LEASE_CALLS = 64

/** The store on a real etcd (v3 API, 3.4 or newer). Connects at the first call. */
export class EtcdStore implements Store {
  readonly leases: Leases = {
    grant: (ttl, options) => this.grant(ttl, options),
    renew: async (id, options) => this.renewals.renew(checkedLease(id), options?.timeoutMs),
    remaining: async (id, options) => this.remaining(checkedLease(id), options),
    revoke: async (id, options) => this.revoke(checkedLease(id), options),
  }
  private readonly connection: Connection
  private readonly batcher: Batcher
  private readonly watches: WatchStream
  private readonly renewals: LeaseStream
  private readonly leaseCalls = new CallSlots(LEASE_CALLS)
  private isInspected = false

  /** @param warn told at most once, when etcd turns out to be of a version that is known to lose leases. */
  constructor(
    options: EtcdOptions,
    private readonly warn: (message: string) => void = () => {},
  ) {
    this.connection = new Connection(options)
    const isNamed = options.auth !== undefined || options.tls?.().cert !== undefined
    this.batcher = new Batcher((...call) => this.send(...call), options.callTimeoutMs, new Rights(isNamed))
    this.watches = new WatchStream(this.connection, options.callTimeoutMs)
    this.renewals = new LeaseStream(this.connection, options.callTimeoutMs)
  }

  commit(transaction: Transaction, options?: CallOptions): Promise<TransactionResult> {
    return this.batcher.commit(transaction, options)
  }

  watch(ranges: WatchedRange | readonly WatchedRange[], listener: WatchListener): Watch {
    if ('key' in ranges) return this.watches.watch(ranges, listener)
    return new MergedWatch(this.watches, ranges, listener)
  }

  close(): Promise<void> {
    this.watches.close()
    this.renewals.close()
    this.connection.close()
    return Promise.resolve()
  }

  private async send(request: Buffer, options: MemberCallOptions): Promise<Buffer> {
    const response = await this.connection.call(
      (member, { deadline }) => member.transact(request, deadline),
      options,
    )
    if (!this.isInspected) void this.inspect()
    return response
  }

  /** In the background; a user without the right to ask is not warned. */
  private async inspect(): Promise<void> {
    this.isInspected = true
    try {
      const { version, members } = await (await this.connection.contact()).inspect()
      const defect = knownDefect(version, members)
      if (defect) this.warn(defect)
    } catch {
      // What matters has its own calls.
    }
  }

  private async grant(ttl: number, options?: CallOptions): Promise<GrantedLease> {
    return this.leaseCalls.run(
      within => this.connection.call((member, { deadline }) => member.grantLease(ttl, deadline), within),
      options,
    )
  }

  private async remaining(id: LeaseId, options?: CallOptions): Promise<RemainingLease | undefined> {
    const { ttl, grantedTtl } = await this.connection.call(
      (member, { deadline }) => member.leaseTimeToLive(id, deadline),
      options,
    )
    // etcd says -1 of a lease that it does not know.
    return ttl < 0 ? undefined : { ttl: grantedTtl, left: ttl }
  }

  private async revoke(id: LeaseId, options?: CallOptions): Promise<void> {
    try {
      await this.leaseCalls.run(
        within => this.connection.call((member, { deadline }) => member.revokeLease(id, deadline), within),
        options,
      )
    } catch (error) {
      if (!isStoreError(error, 'lease-not-found')) throw error
    }
  }
}
