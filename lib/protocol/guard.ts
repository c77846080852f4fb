import type { KeyValue } from '../kv/key-value.js'
import type { Compare, Op, Transaction, TransactionResult } from '../kv/transaction.js'
import type { LockKey } from './lock-key.js'

/** A write to etcd for the holder of a lock to make. */
export interface GuardedWrite {
  /** Further conditions. */
  readonly compare?: readonly Compare[]
  readonly success: readonly Op[]
}

export interface Guard {
  readonly key: LockKey
  readonly uuid: string
  readonly token: bigint
}

/** The write, to be applied only while the holder key has this create revision. */
export function guarded({ key, uuid, token }: Guard, { compare = [], success }: GuardedWrite): Transaction {
  return {
    compare: [{ target: 'create', key: key.holder(uuid), is: '=', revision: token }, ...compare],
    success,
    failure: [{ type: 'range', ...key.holders }],
  }
}

/** A transaction that writes nothing, and yet must pass through etcd's log: no member with old data can answer it. */
export function verification({ key, uuid }: Guard): GuardedWrite {
  return { success: [{ type: 'delete', key: key.ticket(uuid) }] }
}

/** Whether the holder key stood, and the token of the youngest holder when it did not. */
export function verdict(
  { key, uuid, token }: Guard,
  { succeeded, results }: TransactionResult,
): { readonly stands: boolean; readonly currentToken: bigint | undefined } {
  if (succeeded) return { stands: true, currentToken: token }
  const holders = results[0]!
  const stands = holders.some(kv => kv.key === key.holder(uuid) && kv.createRevision === token)
  return { stands, currentToken: youngest(holders) }
}

function youngest(holders: readonly KeyValue[]): bigint | undefined {
  return holders.reduce<bigint | undefined>(
    (max, { createRevision }) => (max !== undefined && max > createRevision ? max : createRevision),
    undefined,
  )
}
