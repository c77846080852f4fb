import type { LeaseId } from '../kv/key-value.js'
import type { Transaction } from '../kv/transaction.js'
import { combine } from './combine.js'
import { scopeOf } from './scope.js'
import type { Snapshot } from './snapshot.js'

/**
 * Puts the tickets of this id on another lease. They keep their places, since a put over a key keeps its create revision. However late
 * it comes, it changes no ticket that has moved on since, and brings none back.
 */
export function moveTickets(snapshots: readonly Snapshot[], uuid: string, lease: LeaseId): Transaction {
  const moves = snapshots.flatMap(({ tickets }): Transaction[] => {
    const ticket = tickets.get(uuid)
    if (!ticket) return []
    const { key, modRevision, value } = ticket
    return [
      {
        compare: [{ target: 'mod', key, is: '=', revision: modRevision }],
        success: [{ type: 'put', key, value, lease }],
        failure: [],
      },
    ]
  })
  const keys = snapshots.map(({ key }) => key)
  return combine(moves, scopeOf(keys, moves))
}
