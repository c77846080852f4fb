import { SPICERACK_PREFIX } from '../model/constants.js'
import { InvalidLockError } from '../model/errors.js'
import { describeValue } from '../model/describe-value.js'
import { LockKey, RESERVED_PREFIXES } from './lock-key.js'

const LONGEST_NAME = 512

/** The keys that were made last, by their names: few locks are taken only once. */
const made = new Map<string, LockKey>()
const MOST_MADE = 1_000

/**
 * The key of a lock, from what a caller named it.
 * @throws InvalidLockError when the name is no string, empty, over 512 bytes of UTF-8, holds `/`, a control
 * character or half a surrogate pair, or does not start with `spicerack.` under the prefix `modules`.
 */
export function lockKey(prefix: string, name: string): LockKey {
  const known = made.get(name)
  if (known?.prefix === prefix) return known
  const problem = problemWith(prefix, name)
  if (problem) throw new InvalidLockError(`The lock name ${problem}, got: ${describeValue(name)}`)
  if (made.size >= MOST_MADE) made.clear()
  const key = new LockKey(prefix, name)
  made.set(name, key)
  return key
}

/** @throws InvalidLockError when the prefix is not one of those allowed. */
export function checkPrefix(prefix: string, allowed: readonly string[]): void {
  if (allowed.includes(prefix)) return
  throw new InvalidLockError(`Invalid prefix ${describeValue(prefix)}, must be one of: ${allowed.join(', ')}`)
}

/** @throws InvalidLockError when a prefix that the caller wants to allow cannot be one. */
export function checkAllowedPrefix(prefix: string): void {
  const expected = RESERVED_PREFIXES.includes(prefix)
    ? `is reserved (${RESERVED_PREFIXES.join(', ')})`
    : typeof prefix === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(prefix)
      ? undefined
      : 'must be 1 to 64 letters, digits, dots, underscores or hyphens'
  if (expected) throw new InvalidLockError(`The allowed prefix ${describeValue(prefix)} ${expected}.`)
}

function problemWith(prefix: string, name: string): string | undefined {
  if (typeof name !== 'string') return 'must be a string'
  if (name === '') return 'cannot be empty'
  if (name.includes('/')) return "cannot contain '/'"
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return 'cannot contain control characters'
  if (!name.isWellFormed()) return 'must be well-formed Unicode'
  if (Buffer.byteLength(name) > LONGEST_NAME) return `cannot be longer than ${LONGEST_NAME} bytes`
  if (prefix === SPICERACK_PREFIX && !name.startsWith('spicerack.')) {
    return `must start with 'spicerack.' under the prefix '${SPICERACK_PREFIX}'`
  }
  return undefined
}
