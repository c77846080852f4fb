import { rejects } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  type KeyEvent,
  type KeyRange,
  type LeaseId,
  type WatchedRange,
  withPrefix,
} from '../../kv/key-value.js'
import {
  type Compare,
  type Op,
  readsOf,
  type Transaction,
  type TransactionResult,
  unconditionally,
} from '../../kv/transaction.js'
import type { Store, Watch } from '../../store/store.js'
import type { StoreErrorReason } from '../../store/store-error.js'

/** What one case of the contract does with the store under test. */
export type StoreCaseRun = (scene: StoreScene) => Promise<void>

/** What a watch has told. */
export interface RecordedWatch extends Watch {
  /** What came in each call. */
  readonly calls: KeyEvent[][]
  readonly events: KeyEvent[]
  readonly gaps: number
  readonly ends: number
}

/** A store under test, and keys that no other case has. */
export class StoreScene {
  private readonly base = `/contract/${randomUUID()}/`

  constructor(readonly store: Store) {}

  key(name: string): string {
    return this.base + name
  }

  /** All keys of this case. */
  get all(): KeyRange {
    return withPrefix(this.base)
  }

  put(name: string, value = 'v', lease?: LeaseId): Op {
    return { type: 'put', key: this.key(name), value, lease }
  }

  delete(name: string): Op {
    return { type: 'delete', key: this.key(name) }
  }

  read(name: string): Op {
    return { type: 'range', key: this.key(name) }
  }

  commit(...ops: readonly Op[]): Promise<TransactionResult> {
    return this.store.commit(unconditionally(...ops))
  }

  /** A transaction that writes `yes` when all these conditions hold, and `no` otherwise. */
  when(...compare: readonly Compare[]): Transaction {
    return { compare, success: [this.put('yes')], failure: [this.put('no')] }
  }

  async holds(...compare: readonly Compare[]): Promise<boolean> {
    return (await this.store.commit(this.when(...compare))).succeeded
  }

  /** The names of all keys of this case that there are. */
  async names(): Promise<string[]> {
    const [found] = (await this.store.commit(readsOf(this.all))).results
    return found!.map(({ key }) => key.slice(this.base.length))
  }

  watch(ranges: WatchedRange | readonly WatchedRange[]): RecordedWatch {
    const calls: KeyEvent[][] = []
    let [gaps, ends] = [0, 0]
    const watch = this.store.watch(ranges, {
      onEvents: events => void calls.push([...events]),
      onGap: () => void gaps++,
      onEnd: () => void ends++,
    })
    return {
      ready: watch.ready,
      close: () => watch.close(),
      calls,
      get events() {
        return calls.flat()
      },
      get gaps() {
        return gaps
      },
      get ends() {
        return ends
      },
    }
  }

  /** It must reject with a StoreError for this reason. */
  rejects(work: Promise<unknown>, reason: StoreErrorReason): Promise<void> {
    return rejects(work, { name: 'StoreError', reason })
  }
}
