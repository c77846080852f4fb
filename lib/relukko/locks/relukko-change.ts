import { eventKey, type KeyEvent, type KeyValue } from '../../kv/key-value.js'
import { Timestamp } from '../../model/timestamp.js'
import type { LiveKeys } from '../../protocol/lock-event.js'
import { idIn, LockKey } from '../../protocol/lock-key.js'
import { parseTerms } from '../../protocol/terms.js'
import { isUuid } from './inputs.js'
import { dtoOf, type LockRecord, parseRecord } from './record.js'
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
  const recordOf = readingOnce()
  const touched = new Map<string, LockKey>()
  const note = (kv: KeyValue | undefined): void => {
    const holding = kv && holdingOf(prefix, kv, recordOf)
    if (holding) touched.set(holding.id, holding.key)
  }
  for (const change of changes) {
    note(change.type === 'put' ? change.kv : undefined)
    note(liveKeys.get(eventKey(change)))
  }
  const states = (): (RelukkoDTO | undefined)[] =>
    [...touched].map(([id, key]) => lockAt(key, id, liveKeys, recordOf))
  const before = states()
  followLocks(prefix, changes, liveKeys)
  return states().flatMap((now, at) => changeOf(before[at], now))
}

/** Brings `liveKeys` up to the changes, where nobody is to be told of them. */
export function followLocks(prefix: string, changes: readonly KeyEvent[], liveKeys: LiveKeys): void {
  for (const change of changes) {
    if (change.type === 'delete') liveKeys.delete(change.key)
    else if (isRecord(change.kv) || holderOf(prefix, change.kv)) liveKeys.set(change.kv.key, change.kv)
  }
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

type RecordOf = (kv: KeyValue | undefined) => LockRecord | undefined

/** As {@link parseRecord}; the same text is not read twice. */
function readingOnce(): RecordOf {
  const known = new Map<KeyValue, LockRecord | undefined>()
  return kv => {
    if (kv && !known.has(kv)) known.set(kv, parseRecord(kv))
    return kv && known.get(kv)
  }
}

interface Holding {
  readonly key: LockKey
  readonly id: string
}

/** Whose holder key or record it is; undefined for others. */
function holdingOf(prefix: string, kv: KeyValue, recordOf: RecordOf): Holding | undefined {
  if (!isRecord(kv)) return holderOf(prefix, kv)
  const record = recordOf(kv)
  return record && { key: new LockKey(prefix, record.name), id: record.lock.id }
}

function isRecord({ key }: KeyValue): boolean {
  return key.startsWith(LockKey.records.key)
}

function holderOf(prefix: string, kv: KeyValue): Holding | undefined {
  const parsed = LockKey.parse(kv.key)
  if (parsed?.kind !== 'holder' || parsed.key.prefix !== prefix) return undefined
  return { key: parsed.key, id: idIn(kv) }
}

/**
 * As far as its holder key stands: a record without one is of no holding. Undefined also for what clients could not read, which
 * only others can have written.
 */
function lockAt(key: LockKey, uuid: string, liveKeys: LiveKeys, recordOf: RecordOf): RelukkoDTO | undefined {
  const holder = liveKeys.get(key.holder(uuid))
  const terms = holder && idIn(holder) === uuid ? parseTerms(holder.value) : undefined
  if (!terms || !isUuid(uuid)) return undefined
  const { owner, ttl } = terms
  try {
    const created = Timestamp.parse(terms.created)
    const holding = { uuid, owner, created, expiresAt: created.plusSeconds(ttl).printable }
    return dtoOf(key, holding, { holder, record: recordOf(liveKeys.get(LockKey.record(uuid))) })
  } catch {
    return undefined
  }
}
