import type { KeyRange } from '../../../lib/kv/key-value.js'
import type { Message } from './message.js'

// Tags of etcd's api/etcdserverpb/rpc.proto.

/** The branch of a transaction that runs when its compares hold, and the one that runs otherwise. */
export const [SUCCESS, FAILURE] = [0x12, 0x1a]
const [COMPARE, RANGE, PUT, DELETE, NESTED] = [0x0a, 0x0a, 0x12, 0x1a, 0x22]
const TARGETS = { create: [1, 0x28], mod: [2, 0x30] } as const
const RANGE_END_OF_COMPARE = 514
const [ASCEND, BY_CREATE_REVISION] = [1, 2]

/** That this revision of the key, or of each of the keys, is that number; 0 is that of none. */
export function compare(
  to: Message,
  target: 'create' | 'mod',
  { key, end }: KeyRange,
  revision: number,
): void {
  const [number, tag] = TARGETS[target]
  to.message(COMPARE, () => {
    to.number(0x10, number)
    to.text(0x1a, key)
    to.number(tag, revision)
    if (end !== undefined) to.text(RANGE_END_OF_COMPARE, end)
  })
}

/** @param lease as a varint. */
export function put(to: Message, branch: number, key: string, value: string, lease?: Buffer): void {
  operation(to, branch, PUT, () => {
    to.text(0x0a, key)
    to.text(0x12, value)
    if (lease) to.raw(0x18, lease)
  })
}

export function remove(to: Message, branch: number, key: string): void {
  operation(to, branch, DELETE, () => to.text(0x0a, key))
}

/** @param limit how many of them: those that were created first. All when it is not given. */
export function read(to: Message, branch: number, { key, end }: KeyRange, limit?: number): void {
  operation(to, branch, RANGE, () => {
    to.text(0x0a, key)
    if (end !== undefined) to.text(0x12, end)
    if (limit === undefined) return
    to.number(0x18, limit)
    to.number(0x28, ASCEND)
    to.number(0x30, BY_CREATE_REVISION)
  })
}

/** A transaction inside another. */
export function nested(to: Message, branch: number, write: () => void): void {
  operation(to, branch, NESTED, write)
}

function operation(to: Message, branch: number, kind: number, write: () => void): void {
  to.message(branch, () => to.message(kind, write))
}
