import type { KeyRange, KeyValue, LeaseId } from './key-value.js'

/**
 * A condition on the revisions of a key, or of every key in a range. As in etcd, a missing key and an
 * empty range count as one key whose revisions are 0.
 */
export interface Compare extends KeyRange {
  /** Which revision is compared: `create` is `createRevision`, `mod` is `modRevision` of {@link KeyValue}. */
  readonly target: 'create' | 'mod'
  readonly is: '=' | '!=' | '<' | '>'
  readonly revision: bigint
}

/** Writes a key. Without `lease` it has none afterwards, whatever it had before. */
export interface Put {
  readonly type: 'put'
  readonly key: string
  readonly value: string
  readonly lease?: LeaseId | undefined
}

/** Deletes all keys of a range; that there are none is no error. */
export interface Delete extends KeyRange {
  readonly type: 'delete'
}

/** Reads a range: all of it, or the first `limit` keys in the order asked for. */
export interface Range extends KeyRange {
  readonly type: 'range'
  /** At most so many keys, one or more. */
  readonly limit?: number | undefined
  /** By `key`, which is meant when nothing is said, or by ascending create revision: the oldest first. */
  readonly order?: 'key' | 'create' | undefined
  /** As of this revision, which is no later than the store's; now when not given. Refused as `required revision has been compacted` when the store has forgotten it. */
  readonly revision?: bigint | undefined
}

/** One operation of a {@link Transaction}. */
export type Op = Put | Delete | Range

/**
 * One atomic step: when every compare holds, the operations of `success` run, in their order, else those of `failure`. An
 * operation sees what those before it wrote. It is a value, made without I/O, so that a store may batch it with others.
 */
export interface Transaction {
  readonly compare: readonly Compare[]
  readonly success: readonly Op[]
  readonly failure: readonly Op[]
  /**
   * Names of what it touches, in whatever words: two transactions whose scopes share no name touch no key that both do, so that
   * a store may send them in one call, as one write. Those that share a name run in the order of their commits. Without a
   * scope it may touch anything, and goes by itself.
   */
  readonly scope?: readonly string[] | undefined
}

/** The first put in either branch; undefined when neither has one. */
export function putIn({ success, failure }: Transaction): Put | undefined {
  for (const op of success) if (op.type === 'put') return op
  for (const op of failure) if (op.type === 'put') return op
  return undefined
}

/** Runs these operations whatever the keys are. */
export function unconditionally(...success: readonly Op[]): Transaction {
  return { compare: [], success, failure: [] }
}

/** Reads these ranges at one revision; one result for each, in their order. Of none, it asks only whether etcd answers. */
export function readsOf(...ranges: readonly Omit<Range, 'type'>[]): Transaction {
  return unconditionally(...ranges.map(range => ({ type: 'range' as const, ...range })))
}

/** The result of one operation: the keys that a range found; nothing for a put or a delete. */
export type OpResult = readonly KeyValue[]

/** What a {@link Transaction} did. */
export interface TransactionResult {
  /** Whether every compare held, so that `success` ran. */
  readonly succeeded: boolean
  /** Revision of the store after the transaction. One that changes keys makes the next revision, and all its writes have that. */
  readonly revision: bigint
  /** One result for each operation of the branch that ran, in its order. */
  readonly results: readonly OpResult[]
}
