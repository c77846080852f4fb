import type { LeaseId } from '../kv/key-value.js'
import type { Put } from '../kv/transaction.js'
import type { LockKey } from './lock-key.js'

/** By whom a holding, or a place in the queue, was taken by force, and why. */
export interface ForceReleaseMarker {
  readonly by: string
  readonly reason: string
}

/** To be written in the transaction that takes it, so that its owner and those who watch can tell it from a release. */
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
