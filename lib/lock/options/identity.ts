import { InvalidLockError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'

/** Bytes of UTF-8. It stands in every entry, and entries are limited by what etcd takes. */
export const LONGEST_OWNER = 1_024

/** Whether it can be written as the owner of a lock. What others have written may be otherwise. */
export function isOwner(value: unknown): value is string {
  return isText(value) && Buffer.byteLength(value) <= LONGEST_OWNER
}

/** @throws InvalidLockError */
export function checkOwner(owner: unknown): asserts owner is string {
  if (!isText(owner)) {
    throw new InvalidLockError(`The owner of locks must be a non-empty string, got ${describeValue(owner)}.`)
  }
  if (isOwner(owner)) return
  const bytes = Buffer.byteLength(owner)
  throw new InvalidLockError(
    `The owner of locks must be at most ${LONGEST_OWNER} bytes, got ${bytes}: ${describeValue(owner)}.`,
  )
}

/** Of a holding, or of one who waits: whatever others have written may be one. @throws InvalidLockError */
export function checkId(id: unknown): asserts id is string {
  if (isText(id)) return
  throw new InvalidLockError(`The id of a holding must be a non-empty text, got ${describeValue(id)}.`)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed()
}
