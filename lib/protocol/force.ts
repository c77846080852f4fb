import type { LeaseId } from '../kv/key-value.js'
import type { Put } from '../kv/transaction.js'
import type { LockKey } from './lock-key.js'

/** Who released a holding by force, and why. */
export interface Force {
  readonly by: string
  readonly reason: string
}

/** To be written in the transaction that releases, so that the holder and those who watch can know. */
export function putForce(key: LockKey, uuid: string, { by, reason }: Force, lease: LeaseId): Put {
  return { type: 'put', key: key.forced(uuid), value: JSON.stringify({ by, reason }), lease }
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
