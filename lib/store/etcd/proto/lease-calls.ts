import type { LeaseId } from '../../../kv/key-value.js'
import { StoreError } from '../../store-error.js'
import { ProtoReader } from './proto-reader.js'
import { ProtoWriter } from './proto-writer.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto.

/** What etcd says of a lease that was granted, renewed, or asked for. */
export interface LeaseResponse {
  readonly id: LeaseId
  /** Seconds: those granted, or left; 0 of a renewal, and negative of a question, where there is no such lease. */
  readonly ttl: number
  /** Seconds, in the answer to a question. */
  readonly grantedTtl: number
}

/** As etcd writes them: it answers a renewal of `007` under the id `7`, which nobody waits for. */
const LEASE = /^(0|-?[1-9]\d{0,18})$/

const writer = new ProtoWriter()

/** A `LeaseGrantRequest`: etcd chooses the id. @param ttl in seconds, of which etcd takes whole ones. */
export function encodeLeaseGrant(ttl: number): Buffer {
  return encode(BigInt(Math.ceil(ttl)))
}

/** @throws StoreError `refused` for what is no id of a lease. */
export function checkedLease(id: LeaseId): LeaseId {
  if (LEASE.test(id)) return id
  throw new StoreError('refused', `A lease must be a decimal number, got ${JSON.stringify(id)}`)
}

/** A request that names a lease and says nothing else: to renew it, to end it, or how long it has left. */
export function encodeLeaseId(id: LeaseId): Buffer {
  return encode(BigInt(id))
}

/** Of a `LeaseGrantResponse`, a `LeaseKeepAliveResponse`, or a `LeaseTimeToLiveResponse`. @throws Error when it is none. */
export function decodeLease(bytes: Buffer): LeaseResponse {
  const reader = new ProtoReader(bytes)
  let [id, ttl, grantedTtl] = [0n, 0n, 0n]
  while (reader.isBefore(reader.length)) {
    const tag = reader.uint()
    if (tag === 0x10) id = reader.int64()
    else if (tag === 0x18) ttl = reader.int64()
    else if (tag === 0x20) grantedTtl = reader.int64()
    else reader.skip(tag)
  }
  return { id: String(id), ttl: Number(ttl), grantedTtl: Number(grantedTtl) }
}

/** The first field of a request, alone. */
function encode(value: bigint): Buffer {
  writer.begin()
  writer.int64(0x08, value)
  return writer.take()
}
