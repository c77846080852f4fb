import { EtcdLockUnavailableError, InvalidLockError } from '../model/errors.js'
import { shown } from '../model/shown.js'
import { type Force, putForce } from '../protocol/force.js'
import { giveUp } from '../protocol/give-up.js'
import type { LockKey } from '../protocol/lock-key.js'
import type { Engine } from './engine.js'
import { release } from './release.js'

/** Seconds for which etcd remembers why. */
const TRACE_TTL = 3_600

/**
 * Takes a holding, or a place in the queue, from somebody; and leaves a trace that says who did it and why. Resolves to
 * false when the id neither holds nor waits (any more).
 * @throws EtcdLockUnavailableError, LockUnreadableError, LockError.
 */
export async function forceRelease(
  engine: Engine,
  key: LockKey,
  uuid: string,
  force: Force,
): Promise<boolean> {
  const trace = await engine.persist(key, () => engine.store.leases.grant(TRACE_TTL))
  const alongside = [putForce(key, uuid, force, trace.id)]
  const released = await release(engine, [key], uuid, { alongside }).catch((error: unknown) => {
    // After a failure of the line it may have been released all the same, and the holder is to learn why.
    if (!(error instanceof EtcdLockUnavailableError)) engine.pool.discard(trace)
    throw error
  })
  if (released.length > 0) return true
  engine.pool.discard(trace)
  return engine.persist(key, () => dismiss(engine, key, uuid))
}

/** @throws InvalidLockError */
export function checkReason(reason: unknown): asserts reason is string {
  if (typeof reason === 'string' && reason.trim() !== '' && Buffer.byteLength(reason) <= 1_024) return
  throw new InvalidLockError(
    `The reason to release by force must be a text of 1 to 1024 bytes, got ${shown(reason)}.`,
  )
}

async function dismiss(engine: Engine, key: LockKey, uuid: string): Promise<boolean> {
  for (;;) {
    const snapshot = await engine.readOne(key)
    const transaction = giveUp(snapshot, uuid)
    if (!transaction) return false
    if ((await engine.transit([snapshot], [transaction])).succeeded) return true
  }
}
