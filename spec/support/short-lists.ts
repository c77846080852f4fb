import type { Op, Transaction } from '../../lib/kv/transaction.js'
import type { Snapshot } from '../../lib/protocol/snapshot.js'

/** The transaction as it would be if lists of tickets were so short: those that it reads, and those that its holder keys tell. */
export function withShortLists(transaction: Transaction, most: number): Transaction {
  if (most === Infinity) return transaction
  const shortened = (op: Op): Op => {
    if (op.type === 'range') return op.limit === undefined ? op : { ...op, limit: Math.min(op.limit, most) }
    return op.type === 'put' ? { ...op, value: withShortQueue(op.value, most) } : op
  }
  return {
    compare: transaction.compare,
    success: transaction.success.map(shortened),
    failure: transaction.failure.map(shortened),
  }
}

/** What a read of the beginning of the queue shows. */
export function beginningOf(truth: Snapshot, most: number): Snapshot {
  const tickets = [...truth.tickets].slice(0, most)
  return { ...truth, tickets: new Map(tickets), isWhole: truth.tickets.size < most }
}

function withShortQueue(value: string, most: number): string {
  if (!value.includes('"queue":')) return value
  const terms = JSON.parse(value) as { queue?: unknown[] }
  return JSON.stringify({ ...terms, queue: terms.queue?.slice(0, most) })
}
