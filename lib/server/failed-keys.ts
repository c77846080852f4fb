import { HttpError } from './http-error.js'

/** Wrong keys that one address may send in a minute. */
const MOST = 20
const WINDOW_MS = 60_000
/** Addresses that are remembered at once. */
const MOST_ADDRESSES = 10_000

/**
 * Answers 429 to whoever sends wrong keys all the time. Those who send a right one are never turned away: behind a load
 * balancer, all have its address.
 */
export class FailedKeys {
  private readonly failures = new Map<string, { count: number; readonly until: number }>()

  /** Notes that an address has sent a wrong key. @throws HttpError 429 when it has sent too many, 403 otherwise. */
  refuse(address: string): never {
    const now = performance.now()
    const known = this.failures.get(address)
    const entry = known && known.until > now ? known : { count: 0, until: now + WINDOW_MS }
    entry.count++
    if (entry !== known) {
      this.failures.delete(address)
      if (this.failures.size >= MOST_ADDRESSES) this.failures.delete(this.failures.keys().next().value!)
      this.failures.set(address, entry)
    }
    if (entry.count <= MOST) throw new HttpError(403, 'The header X-api-Key is missing or wrong.')
    const seconds = Math.ceil((entry.until - now) / 1000)
    throw new HttpError(429, `Too many wrong keys from ${address}. Try again in ${seconds} s.`, {
      'retry-after': String(seconds),
    })
  }
}
