import type { Op, Transaction } from '../kv/transaction.js'
import { InvalidLockError } from '../model/errors.js'
import { describeValue } from '../model/describe-value.js'

/** Operations that etcd takes in one transaction with its default `--max-txn-ops`. */
export const MAX_TXN_OPS = 128
/** Bytes of the values that one transaction writes: of the 1.5 MiB that etcd takes by default, keys and compares need some. */
const MOST_WRITTEN = 1_310_720
/** A grant compares up to four things for each lock; its failure puts one key and reads three ranges. */
const MOST_LOCKS = MAX_TXN_OPS / 4

/** @throws InvalidLockError for a set that is empty, holds a name twice, or does not fit into one transaction. */
export function checkSet(names: readonly string[]): void {
  const problem = problemWith(names)
  if (problem) throw new InvalidLockError(`Locks to be taken at once ${problem}.`)
}

/**
 * Whether etcd takes these transactions as one.
 * @param spare how many operations the one has besides.
 */
export function fitIntoOne(transactions: readonly Transaction[], spare: number): boolean {
  const most = MAX_TXN_OPS - spare
  const bytes = transactions.flatMap(({ success }) => success.map(bytesOf))
  if (bytes.reduce((total, each) => total + each, 0) > MOST_WRITTEN) return false
  return (['compare', 'success', 'failure'] as const).every(
    part => transactions.reduce((total, transaction) => total + transaction[part].length, 0) <= most,
  )
}

function bytesOf(op: Op): number {
  return op.type === 'put' ? Buffer.byteLength(op.value) : 0
}

/** How many waiters each of so many locks can be handed to at most, when all are released in one transaction. */
export function successorsOfEach(locks: number): number {
  const PUT_KEY_LOCKS_AND_DELETE_HOLDER = 2
  const PUT_HOLDER_AND_DELETE_TICKET = 2
  const RECORD_AND_TRACE = 2
  const left = Math.floor((MAX_TXN_OPS - RECORD_AND_TRACE) / locks) - PUT_KEY_LOCKS_AND_DELETE_HOLDER
  return Math.floor(left / PUT_HOLDER_AND_DELETE_TICKET)
}

function problemWith(names: readonly string[]): string | undefined {
  if (names.length === 0) return 'must be one at least, got none'
  if (names.length > MOST_LOCKS) {
    return `must be at most ${MOST_LOCKS}, which is what etcd takes in one transaction, got ${names.length}`
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined ? undefined : `must have different names, got twice: ${describeValue(twice)}`
}
