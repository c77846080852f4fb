import { LockUnreadableError } from '../../model/errors.js'
import type { LockState, WaiterState } from '../../model/lock-state.js'
import { withJson } from '../../model/printed.js'
import type { Timestamp } from '../../model/timestamp.js'
import { keyLocksOf, type Snapshot } from '../../protocol/snapshot.js'
import { isRenewed, parseTerms, sinceOf, timeOf } from '../../protocol/terms.js'
import type { Left } from './leases-left.js'

/**
 * Who holds and who waits, as a snapshot shows it.
 * @param left what etcd says is left of leases; the terms count where it says nothing.
 * @throws LockUnreadableError
 */
export function stateOf(snapshot: Snapshot, now: Timestamp, left: Left = new Map()): LockState {
  const { prefix, name, path: key } = snapshot.key
  const holders = keyLocksOf(snapshot)
    .live({ now, alive: snapshot.holders })
    .map(lock => {
      const holder = snapshot.holders.get(lock.uuid)
      const renewed = isRenewed(holder)
      const byTerms = renewed ? lock.ttl : Math.max(0, now.secondsUntil(lock.expiresAt))
      return withJson({
        id: lock.uuid,
        owner: lock.owner,
        since: sinceOf(holder, lock.created),
        remaining: left.get(holder?.lease ?? '') ?? byTerms,
        renewed,
        concurrency: lock.concurrency,
        ttl: lock.ttl,
        fencingToken: holder?.createRevision,
      })
    })
  return withJson({ prefix, name, key, holders, waiters: waitersOf(snapshot) })
}

/** As {@link stateOf}; of a lock that cannot be read, those that wait and the problem. One broken lock does not fail a listing. */
export function stateOrProblem(snapshot: Snapshot, now: Timestamp, left?: Left): LockState {
  try {
    return stateOf(snapshot, now, left)
  } catch (error) {
    if (!(error instanceof LockUnreadableError)) throw error
    const { prefix, name, path: key } = snapshot.key
    return withJson({ prefix, name, key, holders: [], waiters: waitersOf(snapshot), problem: error.message })
  }
}

function waitersOf({ tickets }: Snapshot): WaiterState[] {
  return [...tickets].map(([id, ticket], index) => {
    const terms = parseTerms(ticket.value)
    return { id, owner: terms?.owner, since: timeOf(terms?.created), place: index + 1 }
  })
}
