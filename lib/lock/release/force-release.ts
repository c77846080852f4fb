import { type Put, readsOf, unconditionally } from '../../kv/transaction.js'
import { EtcdLockUnavailableError } from '../../model/errors.js'
import { type ForceReleaseMarker, putMarker } from '../../protocol/force.js'
import { giveUp } from '../../protocol/give-up.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { CallOptions } from '../../store/store.js'
import type { Budget } from '../../time/budget.js'
import type { Engine } from '../engine/engine.js'
import { checkOwner, checkReason } from '../options/check-arguments.js'
import { releaseById } from './release.js'

/** Seconds for which etcd remembers why. */
const TRACE_TTL = 3_600

/**
 * Takes a holding, or a place in the queue, from somebody; and leaves a trace that says who did it and why, also to one
 * who sleeps. Resolves to false when the id neither holds nor waits (any more).
 * @throws InvalidLockError for a bad reason or name of who does it, EtcdLockUnavailableError, LockUnreadableError, LockError.
 */
export async function forceRelease(
  engine: Engine,
  key: LockKey,
  uuid: string,
  force: ForceReleaseMarker,
  { budget = engine.budget() }: { readonly budget?: Budget } = {},
): Promise<boolean> {
  checkReason(force.reason)
  checkOwner(force.by)
  const lease = await engine.retry(key, within => engine.store.leases.grant(TRACE_TTL, within), { budget })
  const trace = putMarker(key, uuid, force, lease.id)
  try {
    const isTaken = await takeFrom(engine, key, uuid, trace, budget)
    if (!isTaken) engine.pool.discard(lease)
    return isTaken
  } catch (error) {
    // After a failure of the line it may have been taken all the same, and he who had it is to learn why.
    if (!(error instanceof EtcdLockUnavailableError)) engine.pool.discard(lease)
    throw error
  }
}

async function takeFrom(
  engine: Engine,
  key: LockKey,
  uuid: string,
  trace: Put,
  budget: Budget,
): Promise<boolean> {
  for (;;) {
    const released = await releaseById(engine, [key], uuid, { budget, extraOps: [trace] })
    if (released.length > 0) return true
    const was = await engine.retry(key, within => dismiss(engine, key, uuid, trace, within), { budget })
    if (was !== 'granted') return was === 'dismissed'
  }
}

/** Takes the place in the queue, also by an attempt before this one that was not answered. One attempt. */
async function dismiss(
  engine: Engine,
  key: LockKey,
  uuid: string,
  trace: Put,
  within: CallOptions,
): Promise<'dismissed' | 'granted' | 'gone'> {
  let snapshot = await engine.readOne(key, within)
  for (;;) {
    const leaving = giveUp(snapshot, uuid)
    if (!leaving) break
    const { succeeded, after } = await engine.commitTracked(
      [snapshot],
      [leaving, unconditionally(trace)],
      within,
    )
    if (succeeded) return 'dismissed'
    snapshot = after[0]!
  }
  if (snapshot.holders.has(uuid)) return 'granted'
  const { results } = await engine.commit(readsOf({ key: trace.key }), within)
  return results[0]![0]?.lease === trace.lease ? 'dismissed' : 'gone'
}
