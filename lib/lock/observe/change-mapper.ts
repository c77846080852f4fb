import type { KeyEvent, KeyValue, LeaseId } from '../../kv/key-value.js'
import { type LiveKeys, type LockEvent, lockEventsOf } from '../../protocol/lock-event.js'
import { missedEventsOf } from '../../protocol/missed-events.js'

/** Makes what a feed tells of changes of keys. Both methods bring `liveKeys` up to what they are given. */
export interface ChangeMapper<T> {
  /** Of the changes of one revision; the parameters are those of {@link lockEventsOf}. */
  seen(changes: readonly KeyEvent[], liveKeys: LiveKeys, liveLeases?: ReadonlySet<LeaseId>): T[]
  /** Of a time of which no changes are known; the parameters are those of {@link missedEventsOf}. */
  missed(now: readonly KeyValue[], since: bigint, liveKeys: LiveKeys): T[]
}

/** Tells the events that are wanted. */
export function events(isWanted: (event: LockEvent) => boolean): ChangeMapper<LockEvent> {
  return {
    seen: (changes, liveKeys, liveLeases) => lockEventsOf(changes, liveKeys, liveLeases).filter(isWanted),
    missed: (now, since, liveKeys) => missedEventsOf(now, since, liveKeys).filter(isWanted),
  }
}
