import type { Transaction, TransactionResult } from '../kv/transaction.js'

/** What transactions of different locks do, in one: all of them, or the `failure` of each. */
export function combine(parts: readonly Transaction[], scope?: readonly string[]): Transaction {
  const [first] = parts
  if (first && parts.length === 1) return { ...first, scope }
  return {
    scope,
    compare: parts.flatMap(part => part.compare),
    success: parts.flatMap(part => part.success),
    failure: parts.flatMap(part => part.failure),
  }
}

/** The result of each part. */
export function split(
  parts: readonly Transaction[],
  { results, ...rest }: TransactionResult,
): TransactionResult[] {
  if (parts.length === 1) return [{ results, ...rest }]
  let from = 0
  return parts.map(part => {
    const { length } = rest.succeeded ? part.success : part.failure
    return { ...rest, results: results.slice(from, (from += length)) }
  })
}
