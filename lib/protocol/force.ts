import type { LeaseId } from '../kv/key-value.js'
import type { Put } from '../kv/transaction.js'
import type { LockKey } from './lock-key.js'

/** Who took a holding, or a place in the queue, by force, and why. */
export interface ForceReleaseMarker {
  readonly by: string
  readonly reason: string
}

/** To be written in the transaction that takes it, so that he who had it and those who watch can know. */
export function putMarker(
  key: LockKey,
  uuid: string,
  { by, reason }: ForceReleaseMarker,
  lease: LeaseId,
): Put {
  return { type: 'put', key: key.forced(uuid), value: JSON.stringify({ by, reason }), lease }
}

/** Undefined when the text is not what {@link putMarker} writes. */
export function parseMarker(text: string): ForceReleaseMarker | undefined {
  try {
    const { by, reason } = JSON.parse(text) as Partial<ForceReleaseMarker>
    return typeof by === 'string' && typeof reason === 'string' ? { by, reason } : undefined
  } catch {
    return undefined
  }
}
