import type { KeyValue } from '../kv/key-value.js'
import type { Range } from '../kv/transaction.js'
import { idIn, type LockKey } from './lock-key.js'
import type { Snapshot } from './snapshot.js'
import { parseTerms, type ToldTicket } from './terms.js'

/** How many tickets of a queue are read at once: the oldest. They are enough for as many hand-overs. */
export const MOST_READ = 32
/** The same, of a queue in which a crowd waits; and how many tickets a process keeps in mind. */
export const MOST_READ_OF_CROWD = 256
/** How many tickets a holder key tells of. */
const MOST_TOLD = 16

/**
 * As `snapshotReads`, but of a long queue its beginning only.
 * @param waiting how many are known to wait. Etcd sorts the whole queue for each read, and a process copies what it knows of the queue at each
 * hand-over: the first costs the less, the more are read, and the second the more. Both together cost least where as many are read as the
 * root of the number of those that wait tells.
 */
export function queueReads(key: LockKey, waiting = 0): Range[] {
  const enough = Math.ceil(2 * Math.sqrt(waiting))
  const limit = Math.min(Math.max(MOST_READ, enough), MOST_READ_OF_CROWD)
  const { holders, tickets } = key
  return [
    { type: 'range', key: key.path },
    { type: 'range', key: holders.key, end: holders.end },
    { type: 'range', key: tickets.key, end: tickets.end, limit, order: 'create' },
  ]
}

/** The snapshot without what it knows of the end of a long queue: whoever is shown that queue reads all of it. */
export function beginningOf(snapshot: Snapshot): Snapshot {
  const { tickets } = snapshot
  if (tickets.size <= MOST_READ_OF_CROWD) return snapshot
  return { ...snapshot, tickets: new Map([...tickets].slice(0, MOST_READ_OF_CROWD)), isWhole: false }
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
