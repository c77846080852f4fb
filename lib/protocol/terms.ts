import type { KeyValue, LeaseId } from '../kv/key-value.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'
import { slotOf } from '../model/lock-id.js'
import { Timestamp } from '../model/timestamp.js'

/** What a ticket and a holder key say about their owner, and what a holder was promised. */
export interface Terms {
  /** Whose it is, where the key does not end with the whole id. It comes first. */
  readonly id?: string
  readonly concurrency: number
  /** When the wait began, or from when on the ttl of the holding counts; by the clock of its host. */
  readonly created: string
  readonly owner: string
  readonly ttl: number
  /** In a ticket: the lease that the holder key is to get. */
  readonly lease?: LeaseId
  /** In a holder key: whether a record of Relukko's stands beside it, on the same lease. */
  readonly record?: boolean
  /** When the holding began, where it was extended since. */
  readonly since?: string
  /** Whether the holder renews its lease, at any time, until it learns that the holding is gone. */
  readonly renewed?: boolean
  /** In a holder key that another process was handed: who waits next. */
  readonly queue?: readonly ToldTicket[]
}

/**
 * A ticket as a holder key tells of it: its id, its create revision, and its terms.
 *
 * Whoever is handed the lock can hand it on without a read, since the holder key tells who waited next. The list may be old: each
 * hand-over compares that the ticket still stands. The queue grows at its end only, so the first of an old list that still stands
 * is the first of all.
 */
export type ToldTicket = readonly [uuid: string, createRevision: string, terms: Terms]

export type MoreTerms = Pick<Terms, 'lease' | 'record' | 'since' | 'renewed' | 'queue'>

export function formatTerms(lock: ConcurrentLock, more: MoreTerms = {}): string {
  const { uuid, fields } = lock
  const { lease, since, record, renewed, queue } = more
  const id = slotOf(uuid) === uuid ? '' : `"id":${JSON.stringify(uuid)},`
  let text = `{${id}${fields}`
  if (lease !== undefined) text += `,"lease":${JSON.stringify(lease)}`
  if (since !== undefined) text += `,"since":${JSON.stringify(since)}`
  if (record) text += ',"record":true'
  if (renewed) text += ',"renewed":true'
  if (queue && queue.length > 0) text += `,"queue":${JSON.stringify(queue)}`
  return `${text}}`
}

/** When a holding began, whose entry says `created`: an extension moves that, since its ttl counts from there. */
export function sinceOf(holder: KeyValue | undefined, created: Timestamp): Timestamp {
  return timeOf(holder && parseTerms(holder.value)?.since) ?? created
}

/** Whether the holder renews its lease by itself. */
export function isRenewed(holder: KeyValue | undefined): boolean {
  // Thousands are asked at once, and few are.
  return holder?.value.includes('"renewed"') === true && parseTerms(holder.value)?.renewed === true
}

/** Undefined for what is no time. */
export function timeOf(text: unknown): Timestamp | undefined {
  try {
    return typeof text === 'string' ? Timestamp.parse(text) : undefined
  } catch {
    return undefined
  }
}

/** Undefined when the text holds no terms. The key counts all the same. */
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
