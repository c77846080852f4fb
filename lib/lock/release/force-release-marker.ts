import { LockDismissedError } from '../../model/errors.js'
import { type ForceReleaseMarker, parseMarker } from '../../protocol/force.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { CallOptions } from '../../store/store.js'
import type { Engine } from '../engine/engine.js'

/** By whom, and why, a holding or a place in the queue of this id was taken by force; undefined when none was. @throws StoreError */
export async function findMarker(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  within?: CallOptions,
): Promise<ForceReleaseMarker | undefined> {
  const markers = keys.map(key => ({ key: key.forced(uuid) }))
  const [marker] = (await engine.find(keys, markers, within)).flat()
  return marker && parseMarker(marker.value)
}

/** A waiter that was sent away by force does not come back. @throws LockDismissedError, StoreError */
export async function checkDismissal(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  within?: CallOptions,
): Promise<void> {
  const force = await findMarker(engine, keys, uuid, within)
  if (force) throw new LockDismissedError(keys.join(', '), uuid, force)
}
