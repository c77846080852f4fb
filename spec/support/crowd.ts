import type { Op, Transaction, TransactionResult } from '../../lib/kv/transaction.js'
import type { CallOptions, Store } from '../../lib/store/store.js'
import { freshName } from './etcd.js'

/** Commits that are made in one go, each with a key and a scope of its own. */
export class Crowd {
  private readonly base = `/${freshName()}/`

  constructor(readonly store: Store) {}

  key(name: string): string {
    return this.base + name
  }

  put(name: string, rest: { value?: string; lease?: string } = {}): Op {
    return { type: 'put', key: this.key(name), value: 'v', ...rest }
  }

  /** Creates the key, or tells that it is there. */
  creation(name: string, scope = [name], op = this.put(name)): Transaction {
    const key = this.key(name)
    return {
      scope,
      compare: [{ key, target: 'create', is: '=', revision: 0n }],
      success: [op],
      failure: [{ type: 'range', key }],
    }
  }

  create(name: string, options?: CallOptions): Promise<TransactionResult> {
    return this.store.commit(this.creation(name), options)
  }

  createAll(count: number, options?: CallOptions): Promise<TransactionResult>[] {
    return Array.from({ length: count }, (_, at) => this.create(`k${at}`, options))
  }

  /** The create and mod revisions of all keys, by their names. */
  async written(by: Store): Promise<Map<string, readonly [bigint, bigint]>> {
    const range = { type: 'range', key: this.base, end: `${this.base}\u{10ffff}` } as const
    const { results } = await by.commit({ compare: [], success: [range], failure: [] })
    return new Map(
      results[0]!.map(kv => [kv.key.slice(this.base.length), [kv.createRevision, kv.modRevision] as const]),
    )
  }
}

/** What became of each: `applied`, `conflict`, or why it was not answered. */
export async function outcomes(commits: readonly Promise<TransactionResult>[]): Promise<string[]> {
  const settled = await Promise.allSettled(commits)
  return settled.map(each => {
    if (each.status === 'fulfilled') return each.value.succeeded ? 'applied' : 'conflict'
    return (each.reason as { reason: string }).reason
  })
}
