import type { IEvent, IKeyValue } from 'etcd3'
import type { KeyEvent, KeyRange, KeyValue } from '../../kv/key-value.js'

// Every bytes field must be a Buffer: etcd3 would decode a string as base64.

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

function decodeKeyValue(kv: IKeyValue): KeyValue {
  return {
    key: kv.key.toString(),
    value: kv.value.toString(),
    createRevision: BigInt(kv.create_revision),
    modRevision: BigInt(kv.mod_revision),
    lease: kv.lease === '0' ? undefined : kv.lease,
  }
}
