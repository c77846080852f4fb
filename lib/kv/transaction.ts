import type { KeyRange, KeyValue, LeaseId } from './key-value.js'

/**
 * A condition on the revisions of a key, or of every key in a range. As in etcd, a missing key and an
 * empty range count as one key whose revisions are 0.
 */
export interface Compare extends KeyRange {
  readonly target: 'create' | 'mod'
  readonly is: '=' | '!=' | '<' | '>'
  readonly revision: bigint
}

export interface Put {
  readonly type: 'put'
  readonly key: string
  readonly value: string
  readonly lease?: LeaseId | undefined
}

export interface Delete extends KeyRange {
  readonly type: 'delete'
}

/** Reads a range, in the order of the keys. */
export interface Range extends KeyRange {
  readonly type: 'range'
}

export type Op = Put | Delete | Range

/**
 * One atomic step: when every compare holds, the operations of `success`, else those of `failure`. It is
 * a value, made without I/O, so that a store may batch it with others.
 */
export interface Transaction {
  readonly compare: readonly Compare[]
  readonly success: readonly Op[]
  readonly failure: readonly Op[]
}

/** Runs these operations whatever the keys are. */
export function unconditionally(...success: readonly Op[]): Transaction {
  return { compare: [], success, failure: [] }
}

/** Reads these ranges at one revision; one result for each, in their order. Of none, it asks only whether etcd answers. */
export function readsOf(...ranges: readonly KeyRange[]): Transaction {
  return unconditionally(...ranges.map(range => ({ type: 'range' as const, ...range })))
}

/** What one operation brought: the keys a range found; nothing for a put or a delete. */
export type OpResult = readonly KeyValue[]

export interface TransactionResult {
  readonly succeeded: boolean
  /** Revision of the store after the transaction; that of all its writes when it wrote. */
  readonly revision: bigint
  /** One per operation of the branch that ran, in its order. */
  readonly results: readonly OpResult[]
}
