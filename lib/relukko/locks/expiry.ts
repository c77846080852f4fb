import { LONGEST_TTL } from '../../model/ttl.js'
import type { Timestamp } from '../../model/timestamp.js'

/** For how long a new lock lasts. */
export const NEW_SECONDS = 600
/** By how much a lock is prolonged when nothing else is said. */
export const PROLONG_SECONDS = 300
/** So long after its expiry a lock is freed: a client may be late to keep it alive. */
export const GRACE_SECONDS = 180

/** The ttl, from `now` on, of a lock that says to expire at `expiresAt`. Seconds, at least 1. */
export function ttlUntil(expiresAt: Timestamp, now: Timestamp, graceSeconds: number): number {
  return Math.min(LONGEST_TTL, Math.max(1, Math.ceil(now.secondsUntil(expiresAt) + graceSeconds)))
}
