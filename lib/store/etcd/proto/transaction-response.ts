import type { KeyValue, LeaseId } from '../../../kv/key-value.js'
import type { OpResult, TransactionResult } from '../../../kv/transaction.js'
import { ProtoReader } from './proto-reader.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.

/** A result, while it is read. */
interface Answer extends TransactionResult {
  revision: bigint
}

const NOTHING: OpResult = []

/** The lease that was read last, since the keys of one process share a few: its text is not made again. */
let lastLease: { readonly id: LeaseId; readonly value: bigint } = { id: '0', value: 0n }

/** Of a `TxnResponse`. @throws Error when it is none. */
export function decodeTransaction(bytes: Buffer): TransactionResult {
  const reader = new ProtoReader(bytes)
  return readTransaction(reader, reader.length)
}

/**
 * Of a `TxnResponse` to so many nested transactions. What each has written has the revision of the whole; etcd gives
 * them none of their own. @throws Error when it is none.
 */
export function decodeBatch(bytes: Buffer, count: number): TransactionResult[] {
  const reader = new ProtoReader(bytes)
  let revision = 0n
  const results: Answer[] = []
  while (reader.isBefore(reader.length)) {
    const tag = reader.uint()
    if (tag === 0x0a) revision = readHeader(reader, reader.message())
    else if (tag === 0x1a) results.push(readNested(reader, reader.message()))
    else reader.skip(tag)
  }
  if (results.length !== count)
    throw new Error(`etcd has answered ${results.length} of ${count} transactions.`)
  for (const result of results) result.revision = revision
  return results
}

/** A `ResponseOp` that answers a transaction. */
function readNested(reader: ProtoReader, end: number): Answer {
  let result: Answer | undefined
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x22) result = readTransaction(reader, reader.message())
    else reader.skip(tag)
  }
  if (!result) throw new Error('etcd has answered something else than a transaction.')
  return result
}

function readTransaction(reader: ProtoReader, end: number): Answer {
  let revision = 0n
  let succeeded = false
  const results: OpResult[] = []
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x0a) revision = readHeader(reader, reader.message())
    else if (tag === 0x10) succeeded = reader.uint() !== 0
    else if (tag === 0x1a) results.push(readResult(reader, reader.message()))
    else reader.skip(tag)
  }
  return { succeeded, revision, results }
}

/** The revision that a `ResponseHeader` tells. */
function readHeader(reader: ProtoReader, end: number): bigint {
  let revision = 0n
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x18) revision = reader.int64()
    else reader.skip(tag)
  }
  return revision
}

/** What a `ResponseOp` has found; nothing, unless it answers a range. */
function readResult(reader: ProtoReader, end: number): OpResult {
  let found: KeyValue[] | undefined
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x0a) readFound(reader, reader.message(), (found ??= []))
    else reader.skip(tag)
  }
  return found ?? NOTHING
}

/** The keys of a `RangeResponse`. */
function readFound(reader: ProtoReader, end: number, found: KeyValue[]): void {
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x12) found.push(readKeyValue(reader, reader.message()))
    else reader.skip(tag)
  }
}

/** A `KeyValue`. etcd leaves out what is 0 or empty. */
export function readKeyValue(reader: ProtoReader, end: number): KeyValue {
  let key = ''
  let value = ''
  let createRevision = 0n
  let modRevision = 0n
  let lease: LeaseId | undefined
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x0a) key = reader.text()
    else if (tag === 0x10) createRevision = reader.int64()
    else if (tag === 0x18) modRevision = reader.int64()
    else if (tag === 0x2a) value = reader.text()
    else if (tag === 0x30) lease = leaseOf(reader.int64())
    else reader.skip(tag)
  }
  return { key, value, createRevision, modRevision, lease }
}

function leaseOf(value: bigint): LeaseId | undefined {
  if (value === 0n) return undefined
  if (value !== lastLease.value) lastLease = { id: String(value), value }
  return lastLease.id
}
