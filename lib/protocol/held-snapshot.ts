import type { KeyValue } from '../kv/key-value.js'
import { ConcurrentLock } from '../model/concurrent-lock.js'
import { KeyLocks } from '../model/key-locks.js'
import { idIn, type LockKey } from './lock-key.js'
import { parseTold } from './queue.js'
import { isBehind, type Snapshot } from './snapshot.js'
import { parseTerms } from './terms.js'

/**
 * What the holder key of a holder that was just granted the lock tells of it. With concurrency 1 there is no other holder, so that
 * its entry is the whole KeyLocks, which the same transaction has written. Undefined for other holders, and for a key that was
 * written by hand.
 * @param seen what its process saw last of the lock: it may know the queue farther than the holder key tells.
 */
export function heldSnapshot(key: LockKey, holder: KeyValue, seen?: Snapshot): Snapshot | undefined {
  const terms = parseTerms(holder.value)
  if (terms?.concurrency !== 1) return undefined
  const uuid = idIn(holder)
  const { concurrency, created, owner, ttl, queue } = terms
  try {
    const lock = ConcurrentLock.fromDict(uuid, { concurrency, created, owner, ttl })
    const value = new KeyLocks(key.path, [lock]).toJson()
    return {
      key,
      revision: holder.modRevision,
      keyLocks: { ...holder, key: key.path, value },
      holders: new Map([[uuid, holder]]),
      tickets: farther(parseTold(key, queue), uuid, seen),
      isWhole: false,
      knowsHolders: true,
    }
  } catch {
    return undefined
  }
}

/**
 * The tickets that a holder key tells of, and behind them those that its process has seen there. Both are parts of one queue that lack none
 * that stands between their first and their last: nobody comes to a queue but at its end. So nobody is passed, however old either is.
 *
 * What was seen counts up to the first ticket under a key that is told, too:
 *
 *     X and W are told · the ticket of X ends, and X takes another, behind W · that is seen
 *
 * In the place that is told of X, its new ticket would be handed the lock before W.
 */
function farther(
  told: ReadonlyMap<string, KeyValue>,
  uuid: string,
  seen: Snapshot | undefined,
): ReadonlyMap<string, KeyValue> {
  if (!seen || seen.tickets.size === 0) return told
  const last = [...told.values()].at(-1) ?? seen.tickets.get(uuid)
  if (!last) return told
  const keys = new Set([...told.values()].map(({ key }) => key))
  const behind = [...seen.tickets].filter(([, ticket]) => isBehind(ticket, last))
  const end = behind.findIndex(([, ticket]) => keys.has(ticket.key))
  const more = end < 0 ? behind : behind.slice(0, end)
  return more.length > 0 ? new Map([...told, ...more]) : told
}
