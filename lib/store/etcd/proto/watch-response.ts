import type { KeyEvent, KeyValue } from '../../../kv/key-value.js'
import { ProtoReader } from './proto-reader.js'
import { readKeyValue } from './transaction-response.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.

/** What a stream of watches tells. */
export interface WatchResponse {
  /** An unsigned number, which is compared and not shown. */
  readonly clusterId: bigint
  readonly revision: bigint
  /** -1 for what concerns all. */
  readonly watchId: number
  readonly created: boolean
  readonly canceled: boolean
  /** Other than 0 when what the watch was to begin with is compacted. */
  readonly compactRevision: bigint
  readonly cancelReason: string
  readonly events: readonly KeyEvent[]
}

/** Of a `WatchResponse`. @throws Error when it is none. */
export function decodeWatchResponse(bytes: Buffer): WatchResponse {
  const reader = new ProtoReader(bytes)
  const header = { clusterId: 0n, revision: 0n }
  let watchId = 0
  let created = false
  let canceled = false
  let compactRevision = 0n
  let cancelReason = ''
  const events: KeyEvent[] = []
  while (reader.isBefore(reader.length)) {
    const tag = reader.uint()
    if (tag === 0x0a) readHeader(reader, reader.message(), header)
    else if (tag === 0x10) watchId = Number(reader.int64())
    else if (tag === 0x18) created = reader.uint() !== 0
    else if (tag === 0x20) canceled = reader.uint() !== 0
    else if (tag === 0x28) compactRevision = reader.int64()
    else if (tag === 0x32) cancelReason = reader.text()
    else if (tag === 0x5a) events.push(readEvent(reader, reader.message()))
    else reader.skip(tag)
  }
  return { ...header, watchId, created, canceled, compactRevision, cancelReason, events }
}

function readHeader(reader: ProtoReader, end: number, header: { clusterId: bigint; revision: bigint }): void {
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x08) header.clusterId = reader.int64()
    else if (tag === 0x18) header.revision = reader.int64()
    else reader.skip(tag)
  }
}

/** An `Event`. etcd leaves out the type of a put, which is 0. */
function readEvent(reader: ProtoReader, end: number): KeyEvent {
  let isDelete = false
  let kv = NOTHING
  while (reader.isBefore(end)) {
    const tag = reader.uint()
    if (tag === 0x08) isDelete = reader.uint() === 1
    else if (tag === 0x12) kv = readKeyValue(reader, reader.message())
    else reader.skip(tag)
  }
  return isDelete ? { type: 'delete', key: kv.key, modRevision: kv.modRevision } : { type: 'put', kv }
}

const NOTHING: KeyValue = { key: '', value: '', createRevision: 0n, modRevision: 0n, lease: undefined }
