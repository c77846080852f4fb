import { isWithin, type KeyRange } from '../../../kv/key-value.js'
import { type Op, putIn, type Transaction } from '../../../kv/transaction.js'

/** A commit, and what it has to ask for. */
export interface Asking {
  readonly transaction: Transaction
  readonly asks: readonly Op[]
}

const NOTHING: readonly Op[] = []

/**
 * What a call asks of etcd besides its commits, in the branch that never runs. Before 3.4.42, 3.5.28 and 3.6.9, etcd looks at
 * no rights of a user where a transaction is nested in another (GHSA-rfx7-8w68-q57q), and until later not at its own
 * quota. It looks at both where the call itself names the keys, whether that branch runs or not. So a commit is refused
 * in a crowd as it is alone.
 */
export class Rights {
  /** @param isNamed whether there is a user, or a certificate: each of its commits may be refused for its own keys. */
  constructor(private readonly isNamed: boolean) {}

  /** What one commit has to ask for. Without a user it is nothing of its own. */
  of(transaction: Transaction): readonly Op[] {
    return this.isNamed ? asksOf(transaction) : NOTHING
  }

  /** What a call asks for. Without a user little is enough: all is allowed, or nothing. */
  together(commits: readonly Asking[]): readonly Op[] {
    if (this.isNamed) return commits.flatMap(({ asks }) => asks)
    for (const { transaction } of commits) {
      const put = putIn(transaction)
      // A full etcd refuses it, and lets keys be deleted.
      if (put) return [{ type: 'put', key: put.key, value: '' }]
    }
    return readOf(commits[0]!.transaction)
  }
}

function readOf({ compare, success, failure }: Transaction): Op[] {
  const one = success[0] ?? failure[0] ?? compare[0]
  return one ? [{ type: 'range', ...rangeOf(one) }] : []
}

/** Each key and range that it reads or writes, once. etcd takes no put of a key that is deleted in the same branch. */
function asksOf({ compare, success, failure }: Transaction): Op[] {
  const ops = success.concat(failure)
  const deletes = ops.filter(({ type }) => type === 'delete')
  const asks = new Map<string, Op>()
  for (const each of [...compare, ...ops]) {
    const type = 'type' in each ? each.type : 'range'
    if (type !== 'put') asks.set(`${type} ${each.key}\0${rangeOf(each).end}`, { type, ...rangeOf(each) })
    else if (!deletes.some(range => isWithin(each.key, range))) {
      asks.set(`${type} ${each.key}`, { type, key: each.key, value: '' })
    }
  }
  return [...asks.values()]
}

function rangeOf(each: KeyRange): KeyRange {
  return each.end === undefined ? { key: each.key } : { key: each.key, end: each.end }
}
