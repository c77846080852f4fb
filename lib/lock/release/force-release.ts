import { type Put, unconditionally } from '../../kv/transaction.js'
import { EtcdLockUnavailableError } from '../../model/errors.js'
import { type ForceReleaseMarker, putMarker } from '../../protocol/force.js'
import { giveUp } from '../../protocol/give-up.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { CallOptions } from '../../store/store.js'
import type { Budget } from '../../time/budget.js'
import type { Engine } from '../engine/engine.js'
import { checkOwner, checkReason } from '../options/check-arguments.js'
import { releaseById } from './release.js'

/** Seconds for which etcd keeps the marker. */
const MARKER_TTL = 3_600

/**
 * Takes a holding, or a place in the queue, from its owner, and leaves a marker that says by whom it was taken and why: an
 * owner that is paused, or cut off, reads it later. Resolves to false when the id neither holds nor waits (any more).
 * @param options.budget the time that it may take; that of any write when not given.
 * @throws InvalidLockError for a bad `reason` or `by`, EtcdLockUnavailableError, LockUnreadableError, LockError.
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
  const lease = await engine.retry(key, within => engine.store.leases.grant(MARKER_TTL, within), { budget })
  const marker = putMarker(key, uuid, force, lease.id)
  let isMarkerWanted = false
  try {
    isMarkerWanted = await takeFrom(engine, key, uuid, marker, budget)
    return isMarkerWanted
  } catch (error) {
    // An answer was lost: it may have been taken all the same, and its owner must be able to read why.
    isMarkerWanted = error instanceof EtcdLockUnavailableError
    throw error
  } finally {
    if (!isMarkerWanted) engine.pool.discard(lease)
  }
}

/** Takes the holding, or else the place in the queue; once more when the lock is granted in between. */
async function takeFrom(
  engine: Engine,
  key: LockKey,
  uuid: string,
  marker: Put,
  budget: Budget,
): Promise<boolean> {
  // After a lost answer its holder may have released it: only the marker tells who did.
  const wasApplied = (within: CallOptions): Promise<boolean> => isLeft(engine, key, marker, within)
  for (;;) {
    const released = await releaseById(engine, [key], uuid, { budget, extraOps: [marker], wasApplied })
    if (released.length > 0) return true
    const was = await engine.retry(key, within => dismiss(engine, key, uuid, marker, within), { budget })
    if (was !== 'granted') return was === 'dismissed'
  }
}

/**
 * Takes the place in the queue. When it is gone, an attempt before this one whose answer was lost may have taken it: the marker
 * is then on our lease. @throws StoreError
 */
async function dismiss(
  engine: Engine,
  key: LockKey,
  uuid: string,
  marker: Put,
  within: CallOptions,
): Promise<'dismissed' | 'granted' | 'gone'> {
  let snapshot = await engine.readOne(key, within)
  for (;;) {
    const leaving = giveUp(snapshot, uuid)
    if (!leaving) break
    const { succeeded, after } = await engine.commitTracked(
      [snapshot],
      [leaving, unconditionally(marker)],
      within,
    )
    if (succeeded) return 'dismissed'
    snapshot = after[0]!
  }
  if (snapshot.holders.has(uuid)) return 'granted'
  return (await isLeft(engine, key, marker, within)) ? 'dismissed' : 'gone'
}

/** Whether the marker that stands is ours, and not that of another administrator. @throws StoreError */
async function isLeft(engine: Engine, key: LockKey, marker: Put, within: CallOptions): Promise<boolean> {
  const [found] = await engine.find([key], [{ key: marker.key }], within)
  return found![0]?.lease === marker.lease
}
