import type { KeyValue } from '../kv/key-value.js'
import { parseMarker } from './force.js'
import { type LockEvent, lockEventOf, type LiveKeys } from './lock-event.js'
import { LockKey } from './lock-key.js'

/**
 * What can be told of a time that nobody saw: `standing` is what stood at the revision `since`, `now` are all keys that stand
 * after it, up to which `standing` is brought. Of what has gone nothing tells whether it was released, expired or given up:
 * it has `ended`, unless a trace says by whom it was taken. What came and went within that time is not told.
 */
export function missedEventsOf(now: readonly KeyValue[], since: bigint, standing: LiveKeys): LockEvent[] {
  const before = new Map(standing)
  standing.clear()
  for (const kv of now) {
    const kind = LockKey.parse(kv.key)?.kind
    if (kind && kind !== 'keyLocks') standing.set(kv.key, kv)
  }
  const gone = notIn(standing, before).flatMap(kv => endOf(kv, since, standing))
  const come = notIn(before, standing).flatMap(beginningOf)
  // What one transaction did has one revision: those who leave come before those who follow them.
  return [...gone, ...come].sort((a, b) => Number(a.revision - b.revision))
}

/** Those whose life, which the create revision tells from another of the same key, is not one of `others`; eldest first. */
function notIn(others: LiveKeys, keys: LiveKeys): KeyValue[] {
  return [...keys.values()]
    .filter(({ key, createRevision }) => others.get(key)?.createRevision !== createRevision)
    .sort((a, b) => Number(a.createRevision - b.createRevision))
}

function endOf(kv: KeyValue, since: bigint, standing: LiveKeys): LockEvent[] {
  const { kind, key, uuid } = LockKey.parse(kv.key)!
  const wasGranted = kind === 'ticket' && standing.has(key.holder(uuid))
  if (kind === 'trace' || wasGranted) return []
  const trace = standing.get(key.forced(uuid))
  if (trace && trace.modRevision > since) {
    return [lockEventOf('forced', kv, trace.modRevision, parseMarker(trace.value))]
  }
  return [lockEventOf('ended', kv, since)]
}

function beginningOf(kv: KeyValue): LockEvent[] {
  const { kind } = LockKey.parse(kv.key)!
  if (kind === 'holder') return [lockEventOf('granted', kv, kv.createRevision)]
  return kind === 'ticket' ? [lockEventOf('queued', kv, kv.createRevision)] : []
}
