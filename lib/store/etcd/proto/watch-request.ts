import type { WatchedRange } from '../../../kv/key-value.js'
import { ProtoWriter } from './proto-writer.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto.

/** What is asked of a stream of watches. */
export type WatchRequest =
  | { readonly type: 'create'; readonly watch: WatchCreateRequest }
  | { readonly type: 'cancel'; readonly watchId: number }
  | { readonly type: 'progress' }

export interface WatchCreateRequest extends WatchedRange {
  readonly watchId: number
  /** From now when not given. */
  readonly startRevision: bigint | undefined
}

/** Of `FilterType`. */
const NO_DELETE = 1

const writer = new ProtoWriter()

/** A `WatchRequest`. Every watch is told of its progress. */
export function encodeWatchRequest(request: WatchRequest): Buffer {
  writer.begin()
  const tag = { create: 0x0a, cancel: 0x12, progress: 0x1a }[request.type]
  const message = writer.open(tag)
  if (request.type === 'create') writeCreate(request.watch)
  else if (request.type === 'cancel') writer.uint(0x08, request.watchId)
  writer.close(message)
  return writer.take()
}

function writeCreate({ key, end, putsOnly, startRevision, watchId }: WatchCreateRequest): void {
  writer.text(0x0a, key)
  if (end !== undefined) writer.text(0x12, end)
  if (startRevision !== undefined) writer.int64(0x18, startRevision)
  writer.uint(0x20, 1)
  if (putsOnly) writer.uint(0x28, NO_DELETE)
  writer.uint(0x38, watchId)
}
