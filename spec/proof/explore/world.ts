import type { KeyEvent, LeaseId } from '../../../lib/kv/key-value.js'
import type { TransactionResult } from '../../../lib/kv/transaction.js'
import { isWithin } from '../../../lib/kv/key-value.js'
import { agedCall, type Commit } from './call.js'
import { Client, type Wish } from './client.js'
import { Etcd } from './etcd.js'
import { checkChange, checkTruth } from './invariants.js'
import type { Rules } from './rules.js'
import { agedKey } from './time.js'

/** How often each kind of trouble may still befall. */
export interface Trouble {
  /** Requests and answers that are lost or late. */
  readonly losses: number
  /** Leases that end while their owner lives. */
  readonly ends: number
  readonly stops: number
  readonly crashes: number
}

/** A request that may be applied when nobody waits for its answer any more. */
export interface Stray {
  /** The id that it is made for. */
  readonly uuid: string
  readonly call: Commit
}

/** One state of all that takes part. */
export class World {
  clients: readonly Client[]
  strays: readonly Stray[] = []
  /** Leases that nobody renews any more: they end at some time. */
  doomed: readonly LeaseId[] = []

  constructor(
    readonly rules: Rules,
    wishes: readonly Wish[],
    public trouble: Trouble,
    public etcd = new Etcd(),
  ) {
    this.clients = wishes.map((wish, index) => new Client(index, wish))
  }

  copy(): World {
    const copy = new World(this.rules, [], this.trouble, this.etcd)
    copy.clients = this.clients.map(client => client.copy())
    copy.strays = this.strays
    copy.doomed = this.doomed
    return copy
  }

  /** A transaction that is made for an id. @throws StoreError, Violation */
  commit(uuid: string, { transaction }: Commit): TransactionResult {
    const { after, result, events } = this.etcd.commit(transaction)
    if (after !== this.etcd) checkChange(this.etcd, after, uuid)
    this.moveTo(after, events)
    return result
  }

  mint(client: Client): LeaseId {
    const lease = `${client.index + 1}${client.minted++}`
    this.etcd = this.etcd.withLease(lease)
    return lease
  }

  /** Ends a lease. Its owner hears of it, at some time, when he renews it because he waits. */
  end(lease: LeaseId): void {
    if (!this.etcd.leases.has(lease)) return
    const { after, events } = this.etcd.withoutLease(lease)
    this.moveTo(after, events)
    this.doomed = this.doomed.filter(id => id !== lease)
    for (const client of this.clients) {
      if (client.goal === 'acquire' && client.leases.includes(lease)) client.isStale = true
    }
  }

  /** Leaves leases to themselves. */
  doom(leases: readonly (LeaseId | undefined)[]): void {
    const alive = leases.filter(lease => lease !== undefined && this.etcd.leases.has(lease))
    this.doomed = [...new Set([...this.doomed, ...(alive as LeaseId[])])].sort()
  }

  /** The clock goes on, past the end of every ttl so far. */
  age(): void {
    const { keys, revision, leases } = this.etcd
    this.etcd = new Etcd(keys.map(agedKey), revision, leases)
    this.strays = this.strays.map(({ uuid, call }) => ({ uuid, call: agedCall(call) }))
    for (const client of this.clients) client.age()
  }

  private moveTo(etcd: Etcd, events: readonly KeyEvent[]): void {
    if (etcd === this.etcd) return
    this.etcd = etcd
    checkTruth(etcd)
    for (const client of this.clients) {
      if (client.watches.length === 0) continue
      client.watches = client.watches.map(watch => {
        const seen = events.filter(event =>
          isWithin(event.type === 'put' ? event.kv.key : event.key, watch.range),
        )
        return seen.length > 0 ? { ...watch, batches: [...watch.batches, seen] } : watch
      })
    }
  }
}
