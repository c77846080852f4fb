import type { LeaseId } from '../kv/key-value.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'

/** What a ticket and a holder key say about their owner, and what a holder was promised. */
export interface Terms {
  readonly concurrency: number
  /** When the wait began, or from when on the ttl of the holding counts; by the clock of its host. */
  readonly created: string
  readonly owner: string
  readonly ttl: number
  /** In a ticket: the lease that the holder key is to get. */
  readonly lease?: LeaseId
  /** In a holder key: whether a record of Relukko's stands beside it, on the same lease. */
  readonly record?: boolean
  /** Whether the holder renews its lease, at any time, until it learns that the holding is gone. */
  readonly renewed?: boolean
}

export type MoreTerms = Pick<Terms, 'lease' | 'record' | 'renewed'>

export function formatTerms(lock: ConcurrentLock, { lease, record, renewed }: MoreTerms = {}): string {
  return JSON.stringify({ ...lock.toDict(), lease, ...(record && { record }), ...(renewed && { renewed }) })
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
