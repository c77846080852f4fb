import type { Timestamp } from '../model/timestamp.js'

/** The text of a record, of a lock that is extended: it expires then. As it was when it is no record. */
export function extendedRecord(text: string, expiresAt: Timestamp, now: Timestamp): string {
  try {
    const record = JSON.parse(text) as object
    return JSON.stringify({ ...record, expires_at: expiresAt.toISO(), updated_at: now.toISO() })
  } catch {
    return text
  }
}
