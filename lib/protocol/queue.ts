import type { KeyValue } from '../kv/key-value.js'
import type { Range } from '../kv/transaction.js'
import { idIn, type LockKey } from './lock-key.js'
import { parseTerms, type ToldTicket } from './terms.js'

/** How many tickets of a queue are read at once: the oldest. They are enough for as many hand-overs. */
export const MOST_READ = 32
/** How many tickets a holder key tells of. */
const MOST_TOLD = 16

/** As `snapshotReads`, but of a long queue its beginning only. */
export function queueReads(key: LockKey): Range[] {
  return [
    { type: 'range', key: key.path },
    { type: 'range', ...key.holders },
    { type: 'range', ...key.tickets, limit: MOST_READ, order: 'create' },
  ]
}

/** Of these tickets, the oldest first, those that a holder key tells of: up to the first whose terms cannot be read. */
export function toldTickets(queue: readonly KeyValue[]): ToldTicket[] {
  const told: ToldTicket[] = []
  for (const ticket of queue.slice(0, MOST_TOLD)) {
    const terms = parseTerms(ticket.value)
    if (!terms) break
    told.push([idIn(ticket), String(ticket.createRevision), terms])
  }
  return told
}

/** The tickets that a holder key tells of; none where it tells nothing that can be read. */
export function parseTold(key: LockKey, told: unknown): Map<string, KeyValue> {
  const tickets = new Map<string, KeyValue>()
  for (const entry of Array.isArray(told) ? (told as unknown[]) : []) {
    const [uuid, revision, terms] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof uuid !== 'string' || typeof revision !== 'string' || !/^[1-9]\d{0,18}$/.test(revision)) break
    const createRevision = BigInt(revision)
    const value = JSON.stringify(terms) ?? ''
    tickets.set(uuid, {
      key: key.ticket(uuid),
      value,
      createRevision,
      modRevision: createRevision,
      lease: undefined,
    })
  }
  return tickets
}
