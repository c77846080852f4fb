import type { KeyEvent, KeyValue } from '../../../lib/kv/key-value.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'

/** It is always now: when the clock goes on, whatever was now becomes past, so that the states stay few. */
export const NOW = Timestamp.parse('2023-07-16 16:46:52')
/** So long ago that every ttl is over. */
export const PAST = NOW.plusSeconds(-100_000)

export function agedText(text: string): string {
  return text.replaceAll(String(NOW), String(PAST))
}

export function agedKey(kv: KeyValue): KeyValue {
  return { ...kv, value: agedText(kv.value) }
}

export function agedEvent(event: KeyEvent): KeyEvent {
  return event.type === 'put' ? { type: 'put', kv: agedKey(event.kv) } : event
}

export function agedSnapshot(snapshot: Snapshot): Snapshot {
  const { keyLocks, holders, tickets } = snapshot
  const agedAll = (keys: ReadonlyMap<string, KeyValue>): Map<string, KeyValue> =>
    new Map([...keys].map(([id, kv]) => [id, agedKey(kv)]))
  return {
    ...snapshot,
    keyLocks: keyLocks && agedKey(keyLocks),
    holders: agedAll(holders),
    tickets: agedAll(tickets),
  }
}

export function agedTransaction({ compare, success, failure }: Transaction): Transaction {
  const aged = (ops: Transaction['success']): Transaction['success'] =>
    ops.map(op => (op.type === 'put' ? { ...op, value: agedText(op.value) } : op))
  return { compare, success: aged(success), failure: aged(failure) }
}
