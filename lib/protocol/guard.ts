import type { KeyValue } from '../kv/key-value.js'
import type { Compare, Op, OpResult, Range, Transaction, TransactionResult } from '../kv/transaction.js'
import { LockUnreadableError } from '../model/errors.js'
import { KeyLocks } from '../model/key-locks.js'
import type { LockKey } from './lock-key.js'

/** A write that only the holder of a lock may make. */
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

/**
 * The write, to be applied only while all these holder keys have their create revisions and the KeyLocks stand: a KeyLocks
 * that was deleted by hand has freed its lock.
 */
export function guarded(guards: readonly Guard[], { compare = [], success }: GuardedWrite): Transaction {
  const stand = guards.flatMap(({ key, uuid, token }): Compare[] => [
    { target: 'create', key: key.holder(uuid), is: '=', revision: token },
    { target: 'create', key: key.path, is: '!=', revision: 0n },
  ])
  return {
    compare: [...stand, ...compare],
    success,
    failure: guards.flatMap(({ key }): Range[] => [
      { type: 'range', ...key.holders },
      { type: 'range', key: key.path },
    ]),
  }
}

/**
 * A transaction that writes nothing, and yet must pass through etcd's log: no member with old data can answer it. It reads the
 * KeyLocks of each.
 */
export function verification(guards: readonly Guard[]): GuardedWrite {
  const [{ key, uuid }] = guards as readonly [Guard]
  return {
    success: [
      { type: 'delete', key: key.ticket(uuid) },
      ...guards.map((guard): Range => ({ type: 'range', key: guard.key.path })),
    ],
  }
}

/** A holding that is not valid any more. */
export interface InvalidHolding {
  readonly at: number
  /** What is gone from etcd. */
  readonly what: 'holder key' | 'entry'
  /** The fencing token of the newest holder now. */
  readonly currentToken: bigint | undefined
}

/** Which of the holdings did not stand when the write was refused; undefined when all stood. */
export function firstInvalid(
  guards: readonly Guard[],
  { succeeded, results }: TransactionResult,
): InvalidHolding | undefined {
  if (succeeded) return undefined
  for (const [at, { key, uuid, token }] of guards.entries()) {
    const [holders, keyLocks] = results.slice(2 * at) as [OpResult, OpResult]
    const stands = holders.some(kv => kv.key === key.holder(uuid) && kv.createRevision === token)
    if (!stands) return { at, what: 'holder key', currentToken: youngest(holders) }
    if (keyLocks.length === 0) return { at, what: 'entry', currentToken: undefined }
  }
  return undefined
}

/** Which of the holdings has no entry, after a {@link verification} that went through. */
export function withoutEntry(
  guards: readonly Guard[],
  { results }: TransactionResult,
): InvalidHolding | undefined {
  const at = guards.findIndex(({ key, uuid }, index) => !hasEntry(results[index + 1]![0], key, uuid))
  return at < 0 ? undefined : { at, what: 'entry', currentToken: undefined }
}

/** A KeyLocks that cannot be read proves nothing: it counts as having the entry. */
function hasEntry(keyLocks: KeyValue | undefined, key: LockKey, uuid: string): boolean {
  try {
    return keyLocks !== undefined && KeyLocks.fromJson(key.path, keyLocks.value).locks.has(uuid)
  } catch (error) {
    if (error instanceof LockUnreadableError) return true
    throw error
  }
}

function youngest(holders: readonly KeyValue[]): bigint | undefined {
  return holders.reduce<bigint | undefined>(
    (max, { createRevision }) => (max !== undefined && max > createRevision ? max : createRevision),
    undefined,
  )
}
