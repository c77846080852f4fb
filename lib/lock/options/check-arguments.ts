import { InvalidLockError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import { isTtl, TTL_EXPECTED } from '../../model/ttl.js'

// What every door checks alike: the classes, the server, the command and Relukko.

/** Bytes of UTF-8. The owner is part of every entry, and etcd limits how long an entry may be. */
export const LONGEST_OWNER = 1_024

/** Whether this software writes it as the owner of a lock. Entries of other programs may have other owners. */
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

/** The id of a holder or of a waiter. Other programs choose their own, so that any text is taken. @throws InvalidLockError */
export function checkId(id: unknown): asserts id is string {
  if (isText(id)) return
  throw new InvalidLockError(`The id of a holding must be a non-empty text, got ${describeValue(id)}.`)
}

/** The seconds that a holding is to be extended by. @throws InvalidLockError */
export function checkTtl(ttl: unknown): asserts ttl is number {
  if (isTtl(ttl)) return
  throw new InvalidLockError(
    `Unable to extend, argument 'ttl' must be ${TTL_EXPECTED}, got ${describeValue(ttl)}.`,
  )
}

/** Why a lock is released by force. @throws InvalidLockError */
export function checkReason(reason: unknown): asserts reason is string {
  if (typeof reason === 'string' && reason.trim() !== '' && Buffer.byteLength(reason) <= 1_024) return
  throw new InvalidLockError(
    `The reason to release by force must be a text of 1 to 1024 bytes, got ${describeValue(reason)}.`,
  )
}

/** Seconds to wait; Infinity is without end. @throws InvalidLockError */
export function checkWait(wait: unknown): asserts wait is number {
  if (typeof wait === 'number' && wait >= 0) return
  throw new InvalidLockError(
    `Unable to acquire, 'wait' must be a number of seconds from 0 on, got ${describeValue(wait)}.`,
  )
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed()
}
