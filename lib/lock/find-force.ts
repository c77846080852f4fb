import { LockDismissedError } from '../model/errors.js'
import { type Force, parseForce } from '../protocol/force.js'
import type { LockKey } from '../protocol/lock-key.js'
import type { CallOptions } from '../store/store.js'
import type { Engine } from './engine.js'

/** Who took from this id, by force, what it had of one of these locks; undefined when nobody did. @throws StoreError */
export async function findForce(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  within?: CallOptions,
): Promise<Force | undefined> {
  const success = keys.map(key => ({ type: 'range' as const, key: key.trace(uuid) }))
  const { results } = await engine.commit({ compare: [], success, failure: [] }, within)
  const [trace] = results.flat()
  return trace && parseForce(trace.value)
}

/** One who is sent away by force does not come back. @throws LockDismissedError, StoreError */
export async function checkDismissal(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  within?: CallOptions,
): Promise<void> {
  const force = await findForce(engine, keys, uuid, within)
  if (force) throw new LockDismissedError(keys.join(', '), uuid, force)
}
