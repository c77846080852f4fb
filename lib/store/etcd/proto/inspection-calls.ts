import { ProtoReader } from './proto-reader.js'

// Names and numbers of the fields are those of etcd's api/etcdserverpb/rpc.proto.

/** A `StatusRequest`, which has no fields. */
export const ASK_STATUS = Buffer.alloc(0)

/** A `MemberListRequest` that says nothing. */
export const ASK_MEMBERS = Buffer.alloc(0)

/** The version that a `StatusResponse` tells. @throws Error when it is none. */
export function decodeVersion(bytes: Buffer): string {
  const reader = new ProtoReader(bytes)
  let version = ''
  while (reader.isBefore(reader.length)) {
    const tag = reader.uint()
    if (tag === 0x12) version = reader.text()
    else reader.skip(tag)
  }
  return version
}

/** How many members a `MemberListResponse` names. @throws Error when it is none. */
export function decodeMembers(bytes: Buffer): number {
  const reader = new ProtoReader(bytes)
  let members = 0
  while (reader.isBefore(reader.length)) {
    const tag = reader.uint()
    if (tag === 0x12) members++
    reader.skip(tag)
  }
  return members
}
