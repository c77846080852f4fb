import { types } from 'node:util'
import { isOwner, LONGEST_OWNER } from '../../lock/api/index.js'
import { isSpicerackError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import { Timestamp } from '../../model/timestamp.js'
import type { LockKey } from '../../protocol/lock-key.js'
import { lockKey } from '../../protocol/lock-name.js'
import { RelukkoInvalidError } from '../errors.js'
import { encodeName } from './record.js'
import type { LuxonDateTime } from '../relukko.js'

/** More than this does not fit between now and the year 9999. */
export const MOST_SECONDS = 250_000_000_000
const HAS_ZONE = /(Z|[+-]\d\d:?\d\d)$/
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i
/** Of RFC 3339, what is finer than a microsecond. */
const FINER = /(\.\d{6})\d+(?=Z|[+-])/

/** The key of a lock, from the name that a client gave. @throws RelukkoInvalidError */
export function keyOf(prefix: string, name: unknown): LockKey {
  if (typeof name !== 'string') throw invalid('lock_name', name, 'a string')
  try {
    return lockKey(prefix, encodeName(name))
  } catch (cause) {
    if (!isSpicerackError(cause)) throw cause
    throw new RelukkoInvalidError(`'lock_name': ${cause.message}`, { cause })
  }
}

/** As far as it can be said without the server. @throws RelukkoInvalidError */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '') throw invalid('lock_name', name, 'a text that is not empty')
}

/** @throws RelukkoInvalidError */
export function checkRunTime(seconds: unknown): asserts seconds is number {
  if (typeof seconds === 'number' && seconds >= 0) return
  throw invalid('maxRunTime', seconds, 'a number of seconds from 0 on')
}

/** @throws RelukkoInvalidError */
export function checkCreator(creator: unknown): asserts creator is string | null {
  if (creator === null || creator === '' || isOwner(creator)) return
  throw invalid('creator', creator, `null or a text of at most ${LONGEST_OWNER} bytes`)
}

/** Fractions count to the microsecond: Robot Framework sends such. @throws RelukkoInvalidError */
export function checkSeconds(seconds: unknown, field = 'seconds'): asserts seconds is number {
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= MOST_SECONDS) return
  throw invalid(field, seconds, `a number from 0 to ${MOST_SECONDS}`)
}

/** As it was given out, however a client writes a UUID. */
export function idOf(id: string): string {
  return isUuid(id) ? id.toLowerCase() : id
}

/** What Relukko's clients can read as the id of a lock. */
export function isUuid(id: string): boolean {
  return UUID.test(id)
}

/** @throws RelukkoInvalidError */
export function expiryOf(value: unknown): Timestamp {
  if (value instanceof Timestamp) return writable(value)
  const millis = millisOf(value)
  if (millis !== undefined) return writable(Timestamp.fromMillis(millis))
  try {
    const text = typeof value === 'string' ? value.toUpperCase().replace(FINER, '$1') : ''
    if (HAS_ZONE.test(text)) return Timestamp.parse(text)
  } catch {
    // Said below.
  }
  throw invalid('expires_at', value, 'a time like 2023-07-16T16:46:52.161053Z')
}

/** Of a Date, or a DateTime of luxon's; undefined for what is no time. */
function millisOf(value: unknown): number | undefined {
  const { toMillis } = (value ?? {}) as Partial<LuxonDateTime>
  let millis: unknown
  if (types.isDate(value)) millis = value.getTime()
  else if (typeof toMillis === 'function') millis = toMillis.call(value)
  return Number.isFinite(millis) ? (millis as number) : undefined
}

/** What has other names would be without effect. @throws RelukkoInvalidError */
export function checkFields(value: unknown, names: readonly string[], what: string): void {
  if (typeof value !== 'object' || value === null) {
    throw new RelukkoInvalidError(
      `${what} must be given an object of ${names.join(', ')}, got ${describeValue(value)}.`,
    )
  }
  const unknown = Object.keys(value).find(name => !names.includes(name))
  if (unknown === undefined) return
  throw new RelukkoInvalidError(`${what}: unknown field '${unknown}'; known are: ${names.join(', ')}.`)
}

/** @throws RelukkoInvalidError for a time that cannot be written. */
export function writable(time: Timestamp): Timestamp {
  try {
    time.toISO()
    return time
  } catch {
    throw invalid('expires_at', `${time.epochMicros} µs`, 'a time in the years 1 to 9999')
  }
}

function invalid(field: string, value: unknown, expected: string): RelukkoInvalidError {
  return new RelukkoInvalidError(`'${field}' must be ${expected}, got ${describeValue(value)}.`)
}
