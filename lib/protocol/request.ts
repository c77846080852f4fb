import type { LeaseId } from '../kv/key-value.js'

/** The terms of one holding. Its id is made before the first call, so that a repeated call is known again. */
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
  /** The lease of the ticket; undefined for a request that does not wait. */
  readonly ticketLease: LeaseId | undefined
  /** Whether a release may hand the lock over to this request: not when it is one of several that are of use together only. */
  readonly handoffAllowed: boolean
}
