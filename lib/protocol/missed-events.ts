import type { KeyValue } from '../kv/key-value.js'
import { parseMarker } from './force.js'
import { type LockEvent, lockEventOf, type LiveKeys } from './lock-event.js'
import { idIn, LockKey } from './lock-key.js'

/**
 * The events of a time of which no changes are known: what can be told from the keys that existed before and those that exist
 * now. A holding or a place in the queue that is gone has `ended`, since nothing tells why, unless a marker says by whom it was
 * taken. What came and went within that time is not told.
 * @param now all keys that exist now.
 * @param since the revision up to which `liveKeys` is right. Brings `liveKeys` up to `now`.
 */
export function missedEventsOf(now: readonly KeyValue[], since: bigint, liveKeys: LiveKeys): LockEvent[] {
  const before = new Map(liveKeys)
  liveKeys.clear()
  for (const kv of now) {
    const kind = LockKey.parse(kv.key)?.kind
    if (kind && kind !== 'keyLocks') liveKeys.set(kv.key, kv)
  }
  const ends = missingIn(liveKeys, before).flatMap(kv => endOf(kv, since, liveKeys))
  const beginnings = missingIn(before, liveKeys).flatMap(beginningOf)
  // A hand-over has one revision: the end of the holding comes before the grant to the next.
  return [...ends, ...beginnings].sort((a, b) => Number(a.revision - b.revision))
}

/** The keys that are not in `others`, the eldest first. A key that was deleted and created again has another create revision. */
function missingIn(others: LiveKeys, keys: LiveKeys): KeyValue[] {
  return [...keys.values()]
    .filter(({ key, createRevision }) => others.get(key)?.createRevision !== createRevision)
    .sort((a, b) => Number(a.createRevision - b.createRevision))
}

function endOf(kv: KeyValue, since: bigint, liveKeys: LiveKeys): LockEvent[] {
  const { kind, key } = LockKey.parse(kv.key)!
  const uuid = idIn(kv)
  const holder = liveKeys.get(key.holder(uuid))
  const isGranted = kind === 'ticket' && holder !== undefined && idIn(holder) === uuid
  if (kind === 'marker' || isGranted) return []
  const marker = liveKeys.get(key.forced(uuid))
  if (marker && marker.modRevision > since) {
    return [lockEventOf('forced', kv, marker.modRevision, parseMarker(marker.value))]
  }
  return [lockEventOf('ended', kv, since)]
}

function beginningOf(kv: KeyValue): LockEvent[] {
  const { kind } = LockKey.parse(kv.key)!
  if (kind === 'holder') return [lockEventOf('granted', kv, kv.createRevision)]
  return kind === 'ticket' ? [lockEventOf('queued', kv, kv.createRevision)] : []
}
