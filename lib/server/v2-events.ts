import type { KeyEvent } from '../kv/key-value.js'
import { type LockEvent, lockEventsOf, type Standing } from '../protocol/lock-event.js'
import { LockKey } from '../protocol/lock-key.js'
import { parseTerms } from '../protocol/terms.js'

/** What those who look at locks want to know: what happens to them, and when a holding gets another owner or ttl. */
export type ShownEvent = Omit<LockEvent, 'type'> & { readonly type: LockEvent['type'] | 'changed' }

export function shownEventsOf(changes: readonly KeyEvent[], standing: Standing): ShownEvent[] {
  const changed = changes.flatMap(change => changeOf(change, standing))
  return [...lockEventsOf(changes, standing), ...changed]
}

function changeOf(change: KeyEvent, standing: Standing): ShownEvent[] {
  if (change.type === 'delete' || !standing.has(change.kv.key)) return []
  const { key: path, value, modRevision: revision } = change.kv
  const parsed = LockKey.parse(path)
  if (parsed?.kind !== 'holder') return []
  const { prefix, name } = parsed.key
  return [{ type: 'changed', prefix, name, id: parsed.uuid, owner: parseTerms(value)?.owner, revision }]
}
