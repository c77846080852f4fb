import type { ICompare, IEvent, IKeyValue, IRangeRequest, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3'
import type { KeyEvent, KeyRange, KeyValue } from '../../kv/key-value.js'
import type { Compare, Op, OpResult, Transaction, TransactionResult } from '../../kv/transaction.js'

// Every bytes field must be a Buffer: etcd3 would decode a string as base64.

export function encodeTransaction(transaction: Transaction): ITxnRequest {
  return {
    compare: transaction.compare.map(encodeCompare),
    success: transaction.success.map(encodeOp),
    failure: transaction.failure.map(encodeOp),
  }
}

export function decodeTransaction(response: ITxnResponse): TransactionResult {
  return {
    succeeded: response.succeeded,
    revision: BigInt(response.header.revision),
    results: response.responses.map((op): OpResult => op.response_range?.kvs.map(decodeKeyValue) ?? []),
  }
}

export function encodeRange({ key, end }: KeyRange): { key: Buffer; range_end?: Buffer } {
  return end === undefined
    ? { key: Buffer.from(key) }
    : { key: Buffer.from(key), range_end: Buffer.from(end) }
}

export function decodeEvent({ type, kv }: IEvent): KeyEvent {
  return type === 'Delete'
    ? { type: 'delete', key: kv.key.toString(), modRevision: BigInt(kv.mod_revision) }
    : { type: 'put', kv: decodeKeyValue(kv) }
}

const RESULTS = { '=': 'Equal', '!=': 'NotEqual', '<': 'Less', '>': 'Greater' } as const

function encodeCompare({ target, is, revision, ...range }: Compare): ICompare {
  const bound =
    target === 'create'
      ? { target: 'Create' as const, create_revision: String(revision) }
      : { target: 'Mod' as const, mod_revision: String(revision) }
  return { ...encodeRange(range), ...bound, result: RESULTS[is] }
}

function encodeOp(op: Op): IRequestOp {
  switch (op.type) {
    case 'put':
      return {
        request_put: {
          key: Buffer.from(op.key),
          value: Buffer.from(op.value),
          ...(op.lease === undefined ? {} : { lease: op.lease }),
        },
      }
    case 'delete':
      return { request_delete_range: encodeRange(op) }
    case 'range':
      return { request_range: encodeRange(op) satisfies IRangeRequest }
  }
}

function decodeKeyValue(kv: IKeyValue): KeyValue {
  return {
    key: kv.key.toString(),
    value: kv.value.toString(),
    createRevision: BigInt(kv.create_revision),
    modRevision: BigInt(kv.mod_revision),
    lease: kv.lease === '0' ? undefined : kv.lease,
  }
}
