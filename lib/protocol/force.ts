import type { LeaseId } from '../kv/key-value.js'
import type { Put } from '../kv/transaction.js'
import type { LockKey } from './lock-key.js'

/** Who took a holding, or a place in the queue, by force, and why. */
export interface Force {
  readonly by: string
  readonly reason: string
}

/** To be written in the transaction that takes it, so that he who had it and those who watch can know. */
export function putForce(key: LockKey, uuid: string, { by, reason }: Force, lease: LeaseId): Put {
  return { type: 'put', key: key.trace(uuid), value: JSON.stringify({ by, reason }), lease }
}

/** Undefined when the text is not what {@link putForce} writes. */
export function parseForce(text: string): Force | undefined {
  try {
    const { by, reason } = JSON.parse(text) as Partial<Force>
    return typeof by === 'string' && typeof reason === 'string' ? { by, reason } : undefined
  } catch {
    return undefined
  }
}
