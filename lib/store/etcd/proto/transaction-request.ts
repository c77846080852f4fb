import type { KeyRange } from '../../../kv/key-value.js'
import type { Compare, Op, Range, Transaction } from '../../../kv/transaction.js'
import { checkedLease } from './lease-calls.js'
import { ProtoWriter } from './proto-writer.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto.

/** `Compare.CompareResult` */
const RESULTS = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const
/** `Compare.CompareTarget`, and the tag of what is compared with. */
const TARGETS = { create: { number: 1, tag: 0x28 }, mod: { number: 2, tag: 0x30 } } as const
/** `RangeRequest.SortOrder.ASCEND`, `SortTarget.CREATE` */
const [ASCEND, CREATE] = [1, 2]

/** What is around the texts of a compare or an operation, and around a transaction, takes less. */
const [AROUND_ITEM, AROUND_TRANSACTION] = [64, 16]

const writer = new ProtoWriter()

/** A `TxnRequest`. @throws StoreError `refused` for a lease that is no number. */
export function encodeTransaction(transaction: Transaction): Buffer {
  writer.begin()
  writeTransaction(transaction)
  return writer.take()
}

/**
 * A `TxnRequest` that runs all of these, each by its own compares, and without any of its own. `asked` is the branch that
 * does not run. @throws StoreError `refused` for a lease that is no number.
 */
export function encodeBatch(transactions: readonly Transaction[], asked: readonly Op[]): Buffer {
  writer.begin()
  for (const transaction of transactions) {
    const op = writer.open(0x12)
    const nested = writer.open(0x22)
    writeTransaction(transaction)
    writer.close(nested)
    writer.close(op)
  }
  for (const op of asked) writeOp(0x1a, op)
  return writer.take()
}

/** How many bytes a transaction takes at most: each unit of its texts takes three. */
export function mostBytesOf({ compare, success, failure }: Transaction): number {
  let bytes = AROUND_TRANSACTION
  for (const { key, end = '' } of compare) bytes += AROUND_ITEM + 3 * (key.length + end.length)
  for (const op of success) bytes += mostBytesOfOp(op)
  for (const op of failure) bytes += mostBytesOfOp(op)
  return bytes
}

function mostBytesOfOp(op: Op): number {
  const rest = op.type === 'put' ? op.value : op.end
  return AROUND_ITEM + 3 * (op.key.length + (rest?.length ?? 0))
}

function writeTransaction({ compare, success, failure }: Transaction): void {
  for (const each of compare) writeCompare(each)
  for (const op of success) writeOp(0x12, op)
  for (const op of failure) writeOp(0x1a, op)
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
    if (op.lease !== undefined) writer.decimal(0x18, checkedLease(op.lease))
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
