import type { KeyValue } from '../kv/key-value.js'
import type { Put } from '../kv/transaction.js'
import { InvalidLockError, LockError } from '../model/errors.js'
import { shown } from '../model/shown.js'
import { isTtl, TTL_EXPECTED } from '../model/ttl.js'
import { extend as plan } from '../protocol/extend.js'
import { LockKey } from '../protocol/lock-key.js'
import { extendedRecord, hasRecord } from '../protocol/record.js'
import type { Snapshot } from '../protocol/snapshot.js'
import type { Engine } from './engine.js'
import type { Lease } from './lease.js'
import { type Move, type Moved, Moving, type MovingListener } from './moving.js'

/**
 * Moves holdings, all at once, to leases of `ttl` seconds from now.
 * @param listener is told which leases they may be on.
 * @throws InvalidLockError for a bad ttl, LockError when nobody holds under this id (any more), EtcdLockUnavailableError.
 */
export async function extend(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  ttl: number,
  listener?: MovingListener,
): Promise<Moved<void>> {
  const moved = await extendIfHeld(engine, keys, uuid, ttl, { listener })
  if (moved) return moved
  const key = keys.join(', ')
  throw new LockError(`Nobody holds ${key} under the id ${uuid} (any more).`, { key })
}

/** As {@link extend}; resolves to undefined when nobody holds. */
export async function extendIfHeld(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  ttl: number,
  { listener, budgetMs }: { readonly listener?: MovingListener | undefined; readonly budgetMs?: number } = {},
): Promise<Moved<void> | undefined> {
  checkTtl(ttl)
  const path = keys.join(', ')
  let record: KeyValue | undefined
  const look = async (): Promise<readonly Snapshot[]> => {
    record = undefined
    const snapshots = await engine.read(keys)
    if (!snapshots.some(snapshot => hasRecord(snapshot, uuid))) return snapshots
    const seen = await engine.readBeside(keys, LockKey.record(uuid))
    record = seen.kv
    return seen.snapshots
  }
  /** It hangs on the lease of the first. */
  const recordAt = (at: number, { id: lease, since }: Lease): Put[] => {
    if (!record || at > 0) return []
    const value = extendedRecord(record.value, since.plusSeconds(ttl), since)
    return [{ type: 'put', key: record.key, value, lease }]
  }
  const prepare = async (snapshots: readonly Snapshot[]): Promise<Move<void> | undefined> => {
    const leases = await engine.pool.takeAllFresh(keys.map(() => ttl))
    const transactions = snapshots.flatMap((snapshot, at) => {
      const { id: lease, since } = leases[at]!
      const alongside = recordAt(at, leases[at]!)
      return plan(snapshot, { uuid, ttl, lease, alongside }, since) ?? []
    })
    if (transactions.length === keys.length) return { leases, transactions, outcome: undefined }
    for (const lease of leases) engine.pool.give(lease)
    return undefined
  }
  const moving = new Moving(engine, uuid, look, prepare, listener)
  const options = budgetMs === undefined ? {} : { budgetMs }
  return engine.persist({ path }, () => moving.advance(), options).finally(() => moving.settle())
}

/** @throws InvalidLockError */
export function checkTtl(ttl: number): void {
  if (isTtl(ttl)) return
  throw new InvalidLockError(`Unable to extend, argument 'ttl' must be ${TTL_EXPECTED}, got ${shown(ttl)}.`)
}
