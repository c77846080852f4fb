import { eventKey, eventRevision, isWithin, type KeyEvent, type KeyRange } from '../kv/key-value.js'
import type { LockKey } from './lock-key.js'

/**
 * Whether news of a lock, of which one watch tells the KeyLocks and another the holder keys, are of whole transactions, as far
 * as one can see. Each of ours that changes the KeyLocks changes a holder key, too. The end of a lease, or a change by hand, may change one of them only.
 */
export function areWhole({ path, holders }: LockKey, news: readonly KeyEvent[]): boolean {
  return lastOf({ key: path }, news) === lastOf(holders, news)
}

function lastOf(range: KeyRange, news: readonly KeyEvent[]): bigint | undefined {
  const last = news.findLast(event => isWithin(eventKey(event), range))
  return last && eventRevision(last)
}
