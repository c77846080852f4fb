import type { ConcurrentLock } from '../model/concurrent-lock.js'
import type { LockKey } from '../protocol/lock-key.js'
import { keyLocksOf } from '../protocol/snapshot.js'
import type { Engine } from './engine.js'
import { READ_BUDGET_MS } from './reading.js'
import { unavailable } from './unavailable.js'

/** Looks whether the lock could be taken now. @throws LockUnavailableError, EtcdLockUnavailableError, LockUnreadableError */
export async function pretend(engine: Engine, key: LockKey, lock: ConcurrentLock): Promise<void> {
  const snapshot = await engine.persist(key, () => engine.read(key), { budgetMs: READ_BUDGET_MS })
  const now = engine.clock.now()
  const alive = new Set(snapshot.holders.keys())
  const isFree = snapshot.tickets.size === 0 && keyLocksOf(snapshot).fits(lock, { now, alive })
  if (!isFree) throw unavailable(snapshot, lock, now)
}
