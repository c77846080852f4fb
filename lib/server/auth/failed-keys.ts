import { HttpError } from '../http/http-error.js'

export const MISSING = 'The header X-api-Key is missing or wrong.'
/** Wrong keys that one address may send in a minute. */
const MOST = 20
const WINDOW_MS = 60_000
/** Addresses that are remembered at once. */
const MOST_ADDRESSES = 10_000

/** Counts what one address got wrong. */
export class FailedKeys {
  private readonly failures = new Map<string, { count: number; readonly until: number }>()

  isBlocked(address: string): boolean {
    const known = this.failures.get(address)
    return known !== undefined && known.until > performance.now() && known.count >= MOST
  }

  /** Returns the seconds until it is forgotten. */
  note(address: string): number {
    const now = performance.now()
    const known = this.failures.get(address)
    const entry = known && known.until > now ? known : { count: 0, until: now + WINDOW_MS }
    entry.count++
    if (entry !== known) {
      this.failures.delete(address)
      if (this.failures.size >= MOST_ADDRESSES) this.failures.delete(this.failures.keys().next().value!)
      this.failures.set(address, entry)
    }
    return Math.ceil((entry.until - now) / 1000)
  }

  /** Notes a wrong key. @throws HttpError 429 when there were too many, 403 otherwise. */
  refuse(address: string): never {
    const wasBlocked = this.isBlocked(address)
    const seconds = this.note(address)
    if (!wasBlocked) throw new HttpError(403, MISSING)
    throw new HttpError(429, `Too many wrong keys from ${address}. Try again in ${seconds} s.`, {
      'retry-after': String(seconds),
    })
  }
}
