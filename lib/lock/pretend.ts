import { decideAll } from '../protocol/decide.js'
import type { Part } from './part.js'
import type { Engine } from './engine.js'
import { READ_BUDGET_MS } from './reading.js'
import { unavailable } from './unavailable.js'

/** Looks whether all could be taken now. @throws LockUnavailableError, EtcdLockUnavailableError, LockUnreadableError */
export async function pretend(engine: Engine, parts: readonly Part[]): Promise<void> {
  const keys = parts.map(({ key }) => key)
  const path = keys.join(', ')
  const snapshots = await engine.persist({ path }, () => engine.read(keys), {
    budget: engine.budget(READ_BUDGET_MS),
  })
  const seen = parts.map((part, at) => ({ ...part, snapshot: snapshots[at]! }))
  const now = engine.clock.now()
  if (decideAll(seen, now).kind !== 'grant') throw unavailable(seen, now)
}
