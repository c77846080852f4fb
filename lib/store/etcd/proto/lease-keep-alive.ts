import type { LeaseId } from '../../../kv/key-value.js'
import { ProtoReader } from './proto-reader.js'
import { ProtoWriter } from './proto-writer.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto.

/** A renewal that was answered. */
export interface KeepAliveResponse {
  readonly id: LeaseId
  /** Seconds; 0 when there is no such lease. */
  readonly ttl: number
}

const writer = new ProtoWriter()

/** A `LeaseKeepAliveRequest`. */
export function encodeKeepAlive(id: LeaseId): Buffer {
  writer.begin()
  writer.int64(0x08, BigInt(id))
  return writer.take()
}

/** Of a `LeaseKeepAliveResponse`. @throws Error when it is none. */
export function decodeKeepAlive(bytes: Buffer): KeepAliveResponse {
  const reader = new ProtoReader(bytes)
  let [id, ttl] = [0n, 0n]
  while (reader.isBefore(reader.length)) {
    const tag = reader.uint()
    if (tag === 0x10) id = reader.int64()
    else if (tag === 0x18) ttl = reader.int64()
    else reader.skip(tag)
  }
  return { id: String(id), ttl: Number(ttl) }
}
