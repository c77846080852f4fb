import { LockUnavailableError } from '../model/errors.js'
import type { Timestamp } from '../model/timestamp.js'
import { decide } from '../protocol/decide.js'
import { keyLocksOf } from '../protocol/snapshot.js'
import { parseTerms } from '../protocol/terms.js'
import type { SeenPart } from './part.js'

/** The error that says who stands in the way of each lock: the holders, and those who came before. */
export function unavailable(seen: readonly SeenPart[], now: Timestamp): LockUnavailableError {
  const blocked = seen.filter(part => decide(part.snapshot, part.asked, now).kind !== 'grant')
  const [first, ...others] = blocked.length > 0 ? blocked : seen
  const all = [first!, ...others]
  return new LockUnavailableError(all.map(part => explain(part, now)).join('\n'), {
    key: first!.key.path,
  })
}

function explain({ key, asked, snapshot }: SeenPart, now: Timestamp): string {
  const alive = new Set(snapshot.holders.keys())
  const holders = keyLocksOf(snapshot).live({ now, alive })
  const queue = [...snapshot.tickets]
    .filter(([id]) => id !== asked.uuid)
    .map(([, ticket]) => parseTerms(ticket.value))
  const lines = [
    `The lock ${key.path} is not available to ${asked.owner} with concurrency ${asked.concurrency}.`,
    `${count(holders.length, 'holder')}${holders.length > 0 ? ':' : '.'}`,
    ...holders.map(lock => `    ${String(lock.created)}: ${lock.owner} (concurrency ${lock.concurrency})`),
    ...(queue.length > 0 ? [`${count(queue.length, 'waiter')}:`] : []),
    ...queue.map(terms => `    ${terms ? `${terms.created}: ${terms.owner}` : 'unknown'}`),
  ]
  return lines.join('\n')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
