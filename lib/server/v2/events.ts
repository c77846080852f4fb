import type { KeyEvent, KeyValue } from '../../kv/key-value.js'
import type { ChangeMapper } from '../../lock/api/index.js'
import { type LockEvent, lockEventsOf, type LiveKeys } from '../../protocol/lock-event.js'
import { idIn, LockKey } from '../../protocol/lock-key.js'
import { missedEventsOf } from '../../protocol/missed-events.js'
import { parseTerms } from '../../protocol/terms.js'

/** What an observer of locks is told: their events, and each new owner or ttl of a holding. */
export type ShownEvent = Omit<LockEvent, 'type'> & { readonly type: LockEvent['type'] | 'changed' }

export function shownEvents(isWanted: (event: ShownEvent) => boolean): ChangeMapper<ShownEvent> {
  return {
    seen(changes, liveKeys, liveLeases) {
      const changed = changes.flatMap(change => changeOf(change, liveKeys))
      return [...lockEventsOf(changes, liveKeys, liveLeases), ...changed].filter(isWanted)
    },
    missed(now, since, liveKeys) {
      const changed = now.filter(kv => isChanged(kv, liveKeys)).flatMap(toldOf)
      const all = [...missedEventsOf(now, since, liveKeys), ...changed]
      return all.sort((a, b) => Number(a.revision - b.revision)).filter(isWanted)
    },
  }
}

function changeOf(change: KeyEvent, liveKeys: LiveKeys): ShownEvent[] {
  return change.type === 'put' && liveKeys.has(change.kv.key) ? toldOf(change.kv) : []
}

/** It stood already, with other terms. */
function isChanged({ key, createRevision, modRevision }: KeyValue, liveKeys: LiveKeys): boolean {
  const before = liveKeys.get(key)
  return before?.createRevision === createRevision && before.modRevision !== modRevision
}

function toldOf({ key: path, value, modRevision: revision }: KeyValue): ShownEvent[] {
  const parsed = LockKey.parse(path)
  if (parsed?.kind !== 'holder') return []
  const { prefix, name } = parsed.key
  return [
    {
      type: 'changed',
      prefix,
      name,
      id: idIn({ key: path, value }),
      owner: parseTerms(value)?.owner,
      revision,
    },
  ]
}
