import { LockUnavailableError } from '../model/errors.js'
import type { Timestamp } from '../model/timestamp.js'
import type { Asked } from '../protocol/request.js'
import { keyLocksOf, type Snapshot } from '../protocol/snapshot.js'
import { parseTerms } from '../protocol/terms.js'

/** The error that says who stands in the way: the holders, and those who came before. */
export function unavailable(
  snapshot: Snapshot,
  { uuid, concurrency, owner }: Asked,
  now: Timestamp,
): LockUnavailableError {
  const key = snapshot.key.path
  const alive = new Set(snapshot.holders.keys())
  const holders = keyLocksOf(snapshot).live({ now, alive })
  const queue = [...snapshot.tickets]
    .filter(([id]) => id !== uuid)
    .map(([, ticket]) => parseTerms(ticket.value))
  const lines = [
    `The lock ${key} is not available to ${owner} with concurrency ${concurrency}.`,
    `${count(holders.length, 'holder')}${holders.length > 0 ? ':' : '.'}`,
    ...holders.map(lock => `    ${String(lock.created)}: ${lock.owner} (concurrency ${lock.concurrency})`),
    ...(queue.length > 0 ? [`${count(queue.length, 'waiter')}:`] : []),
    ...queue.map(terms => `    ${terms ? `${terms.created}: ${terms.owner}` : 'unknown'}`),
  ]
  return new LockUnavailableError(lines.join('\n'), { key })
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
