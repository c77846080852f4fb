import type { LeaseId } from '../kv/key-value.js'

/** What somebody asks for: one holding, known ever after by an id that is made before the first call. */
export interface LockTerms {
  readonly uuid: string
  readonly owner: string
  /** How many may hold at once; 0 = any number. */
  readonly concurrency: number
  /** Seconds. */
  readonly ttl: number
  /** Whether the holder is going to renew its lease by itself. */
  readonly renewed?: boolean
}

export interface Request extends LockTerms {
  /** The lease that the holder key gets. */
  readonly holderLease: LeaseId
  /** The lease of the ticket; undefined for one who does not wait. */
  readonly ticketLease: LeaseId | undefined
  /** Whether one who leaves may hand the lock over: not when it is of use with others only. */
  readonly handoffAllowed: boolean
}
