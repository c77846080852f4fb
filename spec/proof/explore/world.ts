import type { KeyEvent, LeaseId } from '../../../lib/kv/key-value.js'
import { tellsOf } from '../../../lib/kv/key-value.js'
import { split } from '../../../lib/protocol/combine.js'
import type { TransactionResult } from '../../../lib/kv/transaction.js'
import { withTicket } from '../../../lib/protocol/snapshot.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Administrator } from './administrator.js'
import { agedCall, type Commit, type Part } from './call.js'
import { type AcquireRequest, Client } from './client.js'
import { Etcd } from './etcd.js'
import { checkChange, checkTruth } from './invariants.js'
import { keyOf } from './lock-names.js'
import { Process } from './process.js'
import type { Rules } from './rules.js'
import { beginningOf, withShortLists } from '../../support/short-lists.js'
import { agedKey } from './time.js'

/** How often each kind of trouble may still befall. */
export interface Trouble {
  /** Requests and answers that are lost or late. */
  readonly losses: number
  /** Leases that end while their owner lives. */
  readonly ends: number
  readonly stops: number
  readonly crashes: number
  /** Holdings that another process moves to a lease of its own before their callers know of them. */
  readonly moves: number
  /** Those of several of one process whose time is over before their coordinator has an answer for them. */
  readonly lates: number
}

/** The answer to a commit. */
export interface Committed {
  readonly succeeded: boolean
  /** What is true now of each of its parts, at the place of that lock. */
  readonly after: readonly (Snapshot | undefined)[]
  /** What is true of the locks of each rider. */
  readonly riders?: readonly (readonly Snapshot[])[]
}

/** One state of all that takes part. */
export class World {
  clients: readonly Client[]
  processes: readonly Process[] = []
  /** How many tickets a read of the beginning of a queue shows, and a holder key tells of. */
  lists = Infinity
  /** Requests that may be applied when nobody waits for their answers any more. */
  strays: readonly Commit[] = []
  /** Leases that nobody renews any more: they end at some time. */
  doomed: readonly LeaseId[] = []

  constructor(
    readonly rules: Rules,
    requests: readonly AcquireRequest[],
    public trouble: Trouble,
    public administrator: Administrator | undefined,
    public etcd = new Etcd(),
    /** All locks that anybody asks for. */
    readonly keys: readonly LockKey[] = locksOf(requests),
  ) {
    const names = requests.map(({ process = '' }, index) => process || String(index))
    const all = [...new Set(names)]
    this.processes = all.map((name, at) => new Process(at, names.filter(each => each === name).length > 1))
    this.clients = requests.map(
      (request, index) => new Client(index, request, this.processes[all.indexOf(names[index]!)]!),
    )
  }

  copy(): World {
    const { rules, trouble, administrator, etcd, keys } = this
    const copy = new World(rules, [], trouble, administrator?.copy(), etcd, keys)
    copy.lists = this.lists
    copy.processes = this.processes.map(process => process.copy())
    copy.clients = this.clients.map(client => {
      const same = client.copy()
      same.home = copy.processes[client.home.index]!
      return same
    })
    copy.strays = this.strays
    copy.doomed = this.doomed
    return copy
  }

  /** What is true of the locks of a client. */
  truths({ keys }: Pick<Client, 'keys'>): Snapshot[] {
    return keys.map(key => this.etcd.truth(key))
  }

  /** What a client reads of its locks: of a single one the beginning of the queue, and its own ticket. Its process remembers it. */
  look(client: Client): Snapshot[] {
    const { keys, uuid, home } = client
    const truths = this.truths(client)
    if (keys.length > 1) {
      for (const truth of truths) home.learn(truth)
      return truths
    }
    const [truth] = truths as [Snapshot]
    const beginning = beginningOf(truth, this.lists)
    home.learn(beginning)
    const ticket = truth.tickets.get(uuid)
    return [ticket ? withTicket(beginning, uuid, ticket) : beginning]
  }

  /** @throws StoreError, Violation */
  commit(call: Commit): Committed {
    const results = this.run(call)
    const after = (parts: readonly Part[], from: number): (Snapshot | undefined)[] => {
      const seen: (Snapshot | undefined)[] = []
      for (const [part, { at, from: before, transaction }] of parts.entries()) {
        const asSent = withShortLists(transaction, this.lists)
        seen[at] = this.rules.applyResult(before, asSent, results[from + part]!)
      }
      return seen
    }
    let { length } = call.parts
    const riders = (call.riders ?? []).map(({ parts }) => {
      const snapshots = after(parts, length) as Snapshot[]
      length += parts.length
      return snapshots
    })
    return { succeeded: results[0]!.succeeded, after: after(call.parts, 0), riders }
  }

  /** The result of each part. @throws StoreError, Violation */
  run(call: Commit): TransactionResult[] {
    const parts = [...call.parts, ...(call.riders ?? []).flatMap(rider => rider.parts)]
    const transactions = parts.map(({ transaction }) => withShortLists(transaction, this.lists))
    const all = call.extra ? [...transactions, call.extra] : transactions
    const { after, result, events } = this.etcd.commit(this.rules.combine(all))
    if (after !== this.etcd) checkChange(this, after, call)
    this.moveTo(after, events)
    return split(all, result)
  }

  mint(client: Client): LeaseId {
    const lease = `${client.index + 1}${client.minted++}`
    this.etcd = this.etcd.withLease(lease)
    return lease
  }

  /** Ends a lease. Its owner hears of it, at some time, when it renews it because it waits. */
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
    this.strays = this.strays.map(agedCall)
    for (const each of [...this.clients, ...this.processes]) each.age()
    this.administrator?.age()
  }

  private moveTo(etcd: Etcd, events: readonly KeyEvent[]): void {
    if (etcd === this.etcd) return
    this.etcd = etcd
    checkTruth(etcd, this.keys)
    for (const client of this.clients) {
      if (client.watches.length === 0) continue
      client.watches = client.watches.map(watch => {
        const seen = events.filter(event => tellsOf(watch.range, event))
        return seen.length > 0 ? { ...watch, batches: [...watch.batches, seen] } : watch
      })
    }
  }
}

function locksOf(requests: readonly AcquireRequest[]): LockKey[] {
  return [...new Set(requests.flatMap(({ locks = ['x'] }) => locks))].map(keyOf)
}
