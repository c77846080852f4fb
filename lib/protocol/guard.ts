import type { KeyValue } from '../kv/key-value.js'
import type { Compare, Op, Transaction, TransactionResult } from '../kv/transaction.js'
import type { LockKey } from './lock-key.js'

/** A write to etcd for the holder of a lock to make. */
export interface GuardedWrite {
  /** Further conditions. */
  readonly compare?: readonly Compare[]
  readonly success: readonly Op[]
}

/** A holding that the write depends on. */
export interface Guard {
  readonly key: LockKey
  readonly uuid: string
  readonly token: bigint
}

/** The write, to be applied only while all these holder keys have their create revisions. */
export function guarded(guards: readonly Guard[], { compare = [], success }: GuardedWrite): Transaction {
  const stand = guards.map(({ key, uuid, token }): Compare => ({
    target: 'create',
    key: key.holder(uuid),
    is: '=',
    revision: token,
  }))
  return {
    compare: [...stand, ...compare],
    success,
    failure: guards.map(({ key }) => ({ type: 'range', ...key.holders })),
  }
}

/** A transaction that writes nothing, and yet must pass through etcd's log: no member with old data can answer it. */
export function verification({ key, uuid }: Guard): GuardedWrite {
  return { success: [{ type: 'delete', key: key.ticket(uuid) }] }
}

/** Which of the holdings does not stand, and the token of the youngest holder instead; undefined when all stand. */
export function fallen(
  guards: readonly Guard[],
  { succeeded, results }: TransactionResult,
): { readonly at: number; readonly currentToken: bigint | undefined } | undefined {
  if (succeeded) return undefined
  const at = guards.findIndex(({ key, uuid, token }, index) =>
    results[index]!.every(kv => kv.key !== key.holder(uuid) || kv.createRevision !== token),
  )
  return at < 0 ? undefined : { at, currentToken: youngest(results[at]!) }
}

function youngest(holders: readonly KeyValue[]): bigint | undefined {
  return holders.reduce<bigint | undefined>(
    (max, { createRevision }) => (max !== undefined && max > createRevision ? max : createRevision),
    undefined,
  )
}
