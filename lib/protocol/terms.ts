import type { LeaseId } from '../kv/key-value.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'

/** What a ticket and a holder key say about their owner; read by people and tools, not by decisions. */
export interface Terms {
  readonly concurrency: number
  /** When the wait or the holding began, by the clock of its host. */
  readonly created: string
  readonly owner: string
  readonly ttl: number
  /** In a ticket: the lease that the holder key is to get. */
  readonly lease?: LeaseId
  /** In a holder key: whether a record of Relukko's stands beside it, on the same lease. */
  readonly record?: boolean
}

export function formatTerms(
  lock: ConcurrentLock,
  { lease, record }: { readonly lease?: LeaseId | undefined; readonly record?: boolean } = {},
): string {
  return JSON.stringify({ ...lock.toDict(), lease, record: record || undefined })
}

/** Undefined when the text holds no terms: whoever wrote the key counts all the same. */
export function parseTerms(text: string): Terms | undefined {
  try {
    const terms = JSON.parse(text) as Partial<Terms> | null
    return typeof terms?.owner === 'string' && typeof terms.created === 'string'
      ? (terms as Terms)
      : undefined
  } catch {
    return undefined
  }
}
