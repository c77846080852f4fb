import type { KeyRange, LeaseId } from '../../../kv/key-value.js'
import type { Compare, Op, Range, Transaction } from '../../../kv/transaction.js'
import { StoreError } from '../../store-error.js'
import { ProtoWriter } from './proto-writer.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto.

/** `Compare.CompareResult` */
const RESULTS = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const
/** `Compare.CompareTarget`, and the tag of what is compared with. */
const TARGETS = { create: { number: 1, tag: 0x28 }, mod: { number: 2, tag: 0x30 } } as const
/** `RangeRequest.SortOrder.ASCEND`, `SortTarget.CREATE` */
const [ASCEND, CREATE] = [1, 2]

const writer = new ProtoWriter()
/** The lease of the last put, since those of one process share a few: its text is not parsed again. */
let lastLease: { readonly id: LeaseId; readonly value: bigint } = { id: '0', value: 0n }

/** A `TxnRequest`. @throws StoreError `refused` for a lease that is no number. */
export function encodeTransaction({ compare, success, failure }: Transaction): Buffer {
  writer.begin()
  for (const each of compare) writeCompare(each)
  for (const op of success) writeOp(0x12, op)
  for (const op of failure) writeOp(0x1a, op)
  return writer.take()
}

/**
 * A `TxnRequest` that runs all of these, each by its own compares, and without any of its own. `asked` is the branch that
 * does not run.
 */
export function encodeBatch(requests: readonly Buffer[], asked: readonly Op[]): Buffer {
  writer.begin()
  for (const request of requests) {
    const nested = writer.open(0x12)
    writer.bytes(0x22, request)
    writer.close(nested)
  }
  for (const op of asked) writeOp(0x1a, op)
  return writer.take()
}

function writeCompare({ key, end, target, is, revision }: Compare): void {
  const compare = writer.open(0x0a)
  writer.uint(0x08, RESULTS[is])
  writer.uint(0x10, TARGETS[target].number)
  writer.text(0x1a, key)
  writer.int64(TARGETS[target].tag, revision)
  if (end !== undefined) writer.text(0x202, end)
  writer.close(compare)
}

function writeOp(tag: number, op: Op): void {
  const request = writer.open(tag)
  if (op.type === 'put') {
    const put = writer.open(0x12)
    writer.text(0x0a, op.key)
    writer.text(0x12, op.value)
    if (op.lease !== undefined) writer.int64(0x18, leaseOf(op.lease))
    writer.close(put)
  } else {
    const range = writer.open(op.type === 'range' ? 0x0a : 0x1a)
    writeRange(op)
    if (op.type === 'range') writeOrder(op)
    writer.close(range)
  }
  writer.close(request)
}

function writeRange({ key, end }: KeyRange): void {
  writer.text(0x0a, key)
  if (end !== undefined) writer.text(0x12, end)
}

/** By key is what etcd does by itself: to ask for it costs a sort in some versions. */
function writeOrder({ limit, order, revision }: Range): void {
  if (limit !== undefined) writer.uint(0x18, limit)
  if (revision !== undefined) writer.int64(0x20, revision)
  if (order !== 'create') return
  writer.uint(0x28, ASCEND)
  writer.uint(0x30, CREATE)
}

function leaseOf(id: LeaseId): bigint {
  if (id !== lastLease.id) lastLease = { id, value: parseLease(id) }
  return lastLease.value
}

function parseLease(id: LeaseId): bigint {
  if (/^-?\d+$/.test(id)) return BigInt(id)
  throw new StoreError('refused', `A lease must be a decimal number, got ${JSON.stringify(id)}`)
}
