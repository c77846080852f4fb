import { ConcurrentLock } from '../model/concurrent-lock.js'
import { LockError } from '../model/errors.js'
import { extend as plan } from '../protocol/extend.js'
import type { LockKey } from '../protocol/lock-key.js'
import type { Engine } from './engine.js'
import type { Lease } from './lease.js'

/**
 * Moves a holding to a lease of `ttl` seconds from now, and resolves to that.
 * @throws InvalidLockError for a bad ttl, LockError when nobody holds under this id (any more), EtcdLockUnavailableError.
 */
export async function extend(engine: Engine, key: LockKey, uuid: string, ttl: number): Promise<Lease> {
  checkTtl(ttl)
  const lease = await engine.persist(key, () => engine.pool.takeFresh(ttl))
  // When this fails, the holding may be on the new lease all the same: that is left to end by itself.
  if (await engine.persist(key, () => move(engine, key, uuid, lease))) return lease
  engine.pool.discard(lease)
  throw new LockError(`Nobody holds ${key.path} under the id ${uuid} (any more).`, { key: key.path })
}

/** One attempt, which may be repeated: it looks first whether one before it has come through. */
async function move(engine: Engine, key: LockKey, uuid: string, lease: Lease): Promise<boolean> {
  for (;;) {
    const snapshot = await engine.read(key)
    const before = snapshot.holders.get(uuid)?.lease
    if (before === lease.id) break
    const transaction = plan(snapshot, { uuid, ttl: lease.asked, lease: lease.id }, lease.since)
    if (!transaction) return false
    const { succeeded } = await engine.transit(snapshot, transaction)
    if (!succeeded) continue
    if (before !== undefined) engine.pool.discard({ id: before })
    break
  }
  const holding = engine.holdings.take(key, uuid)
  if (holding) engine.holdings.add({ ...holding, ttl: lease.asked, lease })
  return true
}

/** @throws InvalidLockError */
export function checkTtl(ttl: number): void {
  new ConcurrentLock({ concurrency: 0, owner: 'the holder', ttl })
}
