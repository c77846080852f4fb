import { ConcurrentLock } from '../model/concurrent-lock.js'
import { LockError } from '../model/errors.js'
import { extend as plan } from '../protocol/extend.js'
import type { LockKey } from '../protocol/lock-key.js'
import type { Engine } from './engine.js'
import type { Lease } from './lease.js'

export interface Extended {
  /** By lock. */
  readonly leases: readonly Lease[]
  /** What was seen of the holder keys up to this revision is old. */
  readonly revision: bigint
}

/**
 * Moves holdings, all at once, to leases of `ttl` seconds from now.
 * @param onMoving called before the holdings may be on the new leases, which may end before the old ones.
 * @throws InvalidLockError for a bad ttl, LockError when nobody holds under this id (any more), EtcdLockUnavailableError.
 */
export async function extend(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  ttl: number,
  onMoving: (leases: readonly Lease[]) => void = () => {},
): Promise<Extended> {
  checkTtl(ttl)
  const of = { path: keys.join(', ') }
  const leases = await takeLeases(engine, of, keys.length, ttl)
  onMoving(leases)
  // When this fails, the holdings may be on the new leases all the same: these are left to end by themselves.
  const revision = await engine.persist(of, () => move(engine, keys, uuid, leases))
  if (revision !== undefined) return { leases, revision }
  for (const lease of leases) engine.pool.discard(lease)
  throw new LockError(`Nobody holds ${of.path} under the id ${uuid} (any more).`, { key: of.path })
}

async function takeLeases(
  engine: Engine,
  of: { readonly path: string },
  count: number,
  ttl: number,
): Promise<Lease[]> {
  const leases: Lease[] = []
  try {
    while (leases.length < count) leases.push(await engine.persist(of, () => engine.pool.takeFresh(ttl)))
    return leases
  } catch (error) {
    for (const lease of leases) engine.pool.give(lease)
    throw error
  }
}

/**
 * One attempt, which may be repeated: it looks first whether one before it has come through. Resolves to the revision of
 * the move; undefined when nobody holds.
 */
async function move(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  leases: readonly Lease[],
): Promise<bigint | undefined> {
  let revision = 0n
  for (;;) {
    const snapshots = await engine.read(keys)
    const holders = snapshots.map(snapshot => snapshot.holders.get(uuid))
    const before = holders.map(holder => holder?.lease)
    if (before.every((lease, at) => lease === leases[at]!.id)) {
      revision = holders[0]!.modRevision
      break
    }
    const transactions = snapshots.flatMap((snapshot, at) => {
      const { asked: ttl, id: lease, since } = leases[at]!
      return plan(snapshot, { uuid, ttl, lease }, since) ?? []
    })
    if (transactions.length < keys.length) return undefined
    const { succeeded, after } = await engine.transit(snapshots, transactions)
    if (!succeeded) continue
    for (const id of before) if (id !== undefined) engine.pool.discard({ id })
    revision = after[0]!.revision
    break
  }
  for (const [at, key] of keys.entries()) {
    const holding = engine.holdings.take(key, uuid)
    const lease = leases[at]!
    if (holding) engine.holdings.add({ ...holding, ttl: lease.asked, lease })
  }
  return revision
}

/** @throws InvalidLockError */
export function checkTtl(ttl: number): void {
  new ConcurrentLock({ concurrency: 0, owner: 'the holder', ttl })
}
