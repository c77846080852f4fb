import type { Op } from '../kv/transaction.js'
import type { Timestamp } from '../model/timestamp.js'
import { LockKey } from './lock-key.js'
import type { Snapshot } from './snapshot.js'
import { parseTerms } from './terms.js'

/** Whether one of these writes a record of Relukko's: the holder key says so, which is written with it. */
export function putsRecord(ops: readonly Op[]): boolean {
  return ops.some(({ type, key }) => type === 'put' && key.startsWith(LockKey.records.key))
}

/**
 * Whether a record stands beside the holder key. Where none does, its key is not touched: not everybody who may lock may
 * also read and write records.
 */
export function hasRecord({ holders }: Snapshot, uuid: string): boolean {
  const value = holders.get(uuid)?.value
  // To look for the word costs less than to parse, and few have one.
  return value?.includes('"record"') === true && parseTerms(value)?.record === true
}

/** Deletes the records that stand beside these holder keys. */
export function deleteRecords(snapshot: Snapshot, uuids: readonly string[]): Op[] {
  return uuids
    .filter(uuid => hasRecord(snapshot, uuid))
    .map(uuid => ({ type: 'delete', key: LockKey.record(uuid) }))
}

/** The text of a record, of a lock that is extended: it expires then. As it was when it is no record. */
export function extendedRecord(text: string, expiresAt: Timestamp, now: Timestamp): string {
  try {
    const record = JSON.parse(text) as object
    return JSON.stringify({ ...record, expires_at: expiresAt.toISO(), updated_at: now.toISO() })
  } catch {
    return text
  }
}
