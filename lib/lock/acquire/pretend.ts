import { decideAll } from '../../protocol/decide.js'
import type { LockTarget } from '../options/lock-target.js'
import type { Engine } from '../engine/engine.js'
import { READ_BUDGET_MS } from '../engine/reading.js'
import { unavailable } from './unavailable.js'

/** Looks whether all could be taken now. @throws LockUnavailableError, EtcdLockUnavailableError, LockUnreadableError */
export async function checkAvailable(engine: Engine, targets: readonly LockTarget[]): Promise<void> {
  const keys = targets.map(({ key }) => key)
  const path = keys.join(', ')
  const snapshots = await engine.retry({ path }, () => engine.read(keys), {
    budget: engine.budget(READ_BUDGET_MS),
  })
  const seen = targets.map((target, at) => ({ ...target, snapshot: snapshots[at]! }))
  const now = engine.clock.now()
  if (decideAll(seen, now).kind !== 'grant') throw unavailable(seen, now)
}
