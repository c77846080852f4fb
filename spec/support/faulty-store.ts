import type { KeyRange, LeaseId } from '../../lib/kv/key-value.js'
import type { Transaction, TransactionResult } from '../../lib/kv/transaction.js'
import type { CallOptions, Leases, Store, Watch, WatchListener } from '../../lib/store/store.js'
import { StoreError } from '../../lib/store/store-error.js'

type Work = () => Promise<unknown>

/** What befalls one call. */
export type Fault = (work: Work, line: FaultyStore) => Promise<unknown>

/** What a bad line does to a call, in words that follow "a call that is". */
export const lineFaults: [string, Fault][] = [
  [
    'applied, and not answered',
    async work => {
      await work().catch(() => {})
      throw unreachable()
    },
  ],
  ['never applied', () => Promise.reject(unreachable())],
  ['applied after the next', late(1)],
  ['applied after the second next', late(2)],
  ['applied after the third next', late(3)],
  ['applied when all is over', late(Infinity)],
]

function late(calls: number): Fault {
  return (work, line) => {
    line.delay(work, calls)
    return Promise.reject(unreachable())
  }
}

function unreachable(): StoreError {
  return new StoreError('unreachable', 'The test cut the line.')
}

/** Stands before a store that others share, and lets a chosen call fail; watches are always well. */
export class FaultyStore implements Store {
  /** How many calls there were, of whatever kind. */
  calls = 0
  /** How many of them were to revoke a lease, whatever became of it. */
  revocations = 0
  readonly granted = new Set<LeaseId>()
  /** The leases that {@link loseLeases} has ended. */
  readonly lost = new Set<LeaseId>()
  readonly leases: Leases = {
    grant: (ttl, options) =>
      this.call(async () => {
        const lease = await this.store.leases.grant(ttl, options)
        this.granted.add(lease.id)
        return lease
      }),
    renew: (id, options) => this.call(() => this.store.leases.renew(id, options)),
    remaining: (id, options) => this.call(() => this.store.leases.remaining(id, options)),
    revoke: (id, options) => {
      this.revocations++
      return this.call(() => this.store.leases.revoke(id, options))
    },
  }
  private fault: { from: number; to: number; fault: Fault } | undefined
  private delayed: { due: number; work: Work }[] = []

  constructor(private readonly store: Store) {}

  /** From now on, lets `fault` befall the call with this number, counted from 1; and so many after it. */
  befall(number: number, fault: Fault, times = 1): void {
    const from = this.calls + number
    this.fault = { from, to: from + times, fault }
  }

  /** Runs `work` when so many more calls have been made. */
  delay(work: Work, calls: number): void {
    this.delayed.push({ due: this.calls + calls, work })
  }

  /** Runs all that is delayed. */
  arrive(): Promise<void> {
    return this.arriveUntil(Infinity)
  }

  async loseLeases(): Promise<void> {
    for (const id of this.granted) {
      this.lost.add(id)
      await this.store.leases.revoke(id)
    }
  }

  commit(transaction: Transaction, options?: CallOptions): Promise<TransactionResult> {
    return this.call(() => this.store.commit(transaction, options))
  }

  watch(range: KeyRange | readonly KeyRange[], listener: WatchListener): Watch {
    return this.store.watch(range, listener)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  private async call<T>(work: () => Promise<T>): Promise<T> {
    const number = ++this.calls
    try {
      const { from, to, fault } = this.fault ?? { from: 0, to: 0 }
      return number >= from && number < to ? ((await fault!(work, this)) as T) : await work()
    } finally {
      await this.arriveUntil(number)
    }
  }

  private async arriveUntil(number: number): Promise<void> {
    const due = this.delayed.filter(each => each.due <= number)
    this.delayed = this.delayed.filter(each => each.due > number)
    for (const { work } of due) await work().catch(() => {})
  }
}
