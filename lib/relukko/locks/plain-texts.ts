import { isDay } from '../../model/timestamp.js'

// What this software writes of nearly all locks, as it is written: to make objects of thousands of texts, and texts of those again, takes
// five times as long as to look at them. Whatever looks otherwise is undefined here, and for others to read.

const UUID = '[\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12}'
const DAY = '(\\d{4}-\\d\\d-\\d\\d)'
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{6}'
/** JSON has the same text for it, however often it is read and written. */
const TEXT = '"[^"\\\\\\u0000-\\u001f]*"'
const ESCAPED_TEXT = '"(?:[^"\\\\\\u0000-\\u001f]|\\\\["\\\\/bfnrt])*"'
/** It stands for itself in the name of the lock in etcd. */
const NAME = '"([^"\\\\%/\\u0000-\\u001f\\u007f-\\u009f]*)"'

const KEY_LOCKS = new RegExp(
  `^\\{"(${UUID})": \\{"concurrency":\\d{1,15},"created":"${DAY} ${TIME}\\+00:00","owner":${ESCAPED_TEXT},"ttl":[1-9]\\d{0,14}\\}\\}$`,
)
const time = (field: string): string => `"${field}":"${DAY}T${TIME}Z"`
const FIELDS = `"lock_name":${NAME},"creator":(?:null|${TEXT}),"ip":${TEXT},${['expires_at', 'created_at', 'updated_at'].map(time).join()}`
const RECORD = new RegExp(`^\\{(${FIELDS})(?:,"request":${ESCAPED_TEXT})?\\}$`)

/** The id of the only entry of a KeyLocks. */
export function soleIdIn(keyLocks: string): string | undefined {
  const [, id, day] = KEY_LOCKS.exec(keyLocks) ?? []
  return day !== undefined && isDay(day) ? id : undefined
}

/** The JSON that clients get of the lock with this id and name in etcd, of which this is the record. */
export function jsonIn(record: string, id: string, name: string): string | undefined {
  const [, fields, found, ...days] = RECORD.exec(record) ?? []
  return found === name && days.every(isDay) ? `{"id":"${id}",${fields}}` : undefined
}
