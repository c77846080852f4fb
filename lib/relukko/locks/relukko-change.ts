import { eventKey, type KeyEvent, type KeyValue } from '../../kv/key-value.js'
import { Timestamp } from '../../model/timestamp.js'
import type { LiveKeys } from '../../protocol/lock-event.js'
import { LockKey } from '../../protocol/lock-key.js'
import { parseTerms } from '../../protocol/terms.js'
import { isUuid } from './inputs.js'
import { dtoOf, parseRecord } from './record.js'
import type { RelukkoDTO } from '../relukko-dto.js'

/** What became of one lock; `lock` is what it is now, or was before it was deleted. */
export interface LockChange {
  readonly type: 'created' | 'updated' | 'deleted'
  readonly lock: RelukkoDTO
}

/** What the changes of one revision mean for the locks under a prefix; `liveKeys` is brought up to them. */
export function lockChangesOf(
  prefix: string,
  changes: readonly KeyEvent[],
  liveKeys: LiveKeys,
): LockChange[] {
  const touched = new Map<string, LockKey>()
  const note = (kv: KeyValue | undefined): void => {
    const holding = kv && holdingOf(prefix, kv)
    if (holding) touched.set(holding.id, holding.key)
  }
  for (const change of changes) {
    note(change.type === 'put' ? change.kv : undefined)
    note(liveKeys.get(eventKey(change)))
  }
  const states = (): (RelukkoDTO | undefined)[] => [...touched].map(([id, key]) => lockAt(key, id, liveKeys))
  const before = states()
  for (const change of changes) {
    const path = eventKey(change)
    if (change.type === 'delete') liveKeys.delete(path)
    else if (holdingOf(prefix, change.kv)) liveKeys.set(path, change.kv)
  }
  return states().flatMap((now, at) => changeOf(before[at], now))
}

/** The changes that lead from the locks that were known before a gap to those that exist now. */
export function missedChanges(now: readonly KeyValue[], since: bigint, liveKeys: LiveKeys): KeyEvent[] {
  const present = new Set(now.map(kv => kv.key))
  const gone = [...liveKeys.keys()].filter(key => !present.has(key))
  return [
    ...gone.map(key => ({ type: 'delete' as const, key, modRevision: since })),
    ...now.map(kv => ({ type: 'put' as const, kv })),
  ]
}

function changeOf(before: RelukkoDTO | undefined, now: RelukkoDTO | undefined): LockChange[] {
  if (!now) return before ? [{ type: 'deleted', lock: before }] : []
  if (!before) return [{ type: 'created', lock: now }]
  const isSame = JSON.stringify(before) === JSON.stringify(now)
  return isSame ? [] : [{ type: 'updated', lock: now }]
}

/** Whose holder key or record it is; undefined for others. */
function holdingOf(prefix: string, kv: KeyValue): { readonly key: LockKey; readonly id: string } | undefined {
  if (kv.key.startsWith(LockKey.records.key)) {
    const record = parseRecord(kv)
    return record && { key: new LockKey(prefix, record.name), id: record.lock.id }
  }
  const parsed = LockKey.parse(kv.key)
  if (parsed?.kind !== 'holder' || parsed.key.prefix !== prefix) return undefined
  return { key: parsed.key, id: parsed.uuid }
}

/**
 * As far as its holder key stands: a record without one is of no holding. Undefined also for what clients could not read, which
 * only others can have written.
 */
function lockAt(key: LockKey, uuid: string, liveKeys: LiveKeys): RelukkoDTO | undefined {
  const holder = liveKeys.get(key.holder(uuid))
  const terms = holder && parseTerms(holder.value)
  if (!terms || !isUuid(uuid)) return undefined
  const { owner, ttl } = terms
  try {
    const created = Timestamp.parse(terms.created)
    const holding = { uuid, owner, created, expiresAt: created.plusSeconds(ttl).printable }
    return dtoOf(key, holding, { holder, record: parseRecord(liveKeys.get(LockKey.record(uuid))) })
  } catch {
    return undefined
  }
}
