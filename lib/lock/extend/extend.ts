import type { KeyValue, LeaseId } from '../../kv/key-value.js'
import type { Put } from '../../kv/transaction.js'
import { LockRenewedError } from '../../model/errors.js'
import { extend as plan, promisedTo } from '../../protocol/extend.js'
import { LockKey } from '../../protocol/lock-key.js'
import { extendedRecord, hasRecord } from '../../protocol/record.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { type Budget, HANDLE_MS } from '../../time/budget.js'
import type { Engine } from '../engine/engine.js'
import type { Lease } from '../leases/lease.js'
import { checkTtl } from '../options/check-arguments.js'
import {
  type TransferPlan,
  type TransferResult,
  LeaseTransfer,
  type TransferListener,
} from './lease-transfer.js'

/**
 * Moves holdings, all at once, to leases of `ttl` seconds from now, for their holder, who agrees when that is sooner than before.
 * Resolves to undefined when nobody holds under this id (any more).
 * @param options.listener is told which leases they may be on.
 * @param options.signal ends the attempts.
 * @throws InvalidLockError for a bad ttl, EtcdLockUnavailableError, LockError.
 */
export async function extendOwn(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  ttl: number,
  { listener, signal }: { readonly listener?: TransferListener; readonly signal?: AbortSignal } = {},
): Promise<TransferResult<void> | undefined> {
  checkTtl(ttl)
  const moving = movingTo(engine, keys, uuid, () => ttl, listener)
  const path = keys.join(', ')
  const options = { signal, budget: engine.budget(HANDLE_MS) }
  return engine.retry({ path }, within => moving.advance(within), options).finally(() => moving.dropUnused())
}

/**
 * Lets a holding last for `ttl` seconds from now at least, for anybody who knows its id. It never ends sooner than its
 * holder was promised, who may not hear of it: a ttl that is shorter than its own leaves it its own. Resolves to the ttl that
 * it has; undefined when nobody holds under this id (any more).
 * @throws InvalidLockError for a bad ttl, LockRenewedError, EtcdLockUnavailableError, LockError.
 */
export async function extendById(
  engine: Engine,
  key: LockKey,
  uuid: string,
  ttl: number,
  options: { readonly budget?: Budget } = {},
): Promise<number | undefined> {
  checkTtl(ttl)
  let extended = ttl
  const moving = movingTo(engine, [key], uuid, snapshot => {
    extended = leastTtl(snapshot, uuid, ttl)
    return extended
  })
  const work = async (within: CallOptions, gone?: LeaseId): Promise<number | undefined> => {
    const promised = promisedTo(await engine.readOne(key, within), uuid)
    if (!promised?.isRenewed) return (await moving.advance(within)) && extended
    if (ttl > promised.ttl) throw renewedByItsHolder(key, uuid)
    const { lease } = promised
    if (lease === undefined || lease === gone) return undefined
    // When it is gone, its holder may have moved to another.
    return (await engine.pool.adopt(lease, within)) ? promised.ttl : work(within, lease)
  }
  return engine.retry(key, within => work(within), options).finally(() => moving.dropUnused())
}

/**
 * The seconds for which a holding must last from now on, that somebody wants to last for `ttl`. Without a renewal its holder
 * relies on no more than the lease that it is on, and that lease was granted before now, for its own ttl.
 * @throws LockRenewedError when the holder renews it: such a renewal may come after the holding has moved to another lease,
 * and make its holder rely on more than this can last.
 */
export function leastTtl(snapshot: Snapshot, uuid: string, ttl: number): number {
  const promised = promisedTo(snapshot, uuid)
  if (promised?.isRenewed) throw renewedByItsHolder(snapshot.key, uuid)
  return Math.max(ttl, promised?.ttl ?? 0)
}

function renewedByItsHolder(key: LockKey, uuid: string): LockRenewedError {
  return new LockRenewedError(
    `The holder of ${key.path} (id ${uuid}) renews it by itself: how long it lasts can be changed by extend() of its handle only.`,
    { key: key.path },
  )
}

function movingTo(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  ttlFor: (snapshot: Snapshot) => number,
  listener?: TransferListener,
): LeaseTransfer<void> {
  let record: KeyValue | undefined
  const look = async (within: CallOptions): Promise<readonly Snapshot[]> => {
    record = undefined
    const snapshots = await engine.read(keys, within)
    if (!snapshots.some(snapshot => hasRecord(snapshot, uuid))) return snapshots
    const seen = await engine.readBeside(keys, LockKey.record(uuid), within)
    record = seen.kv
    return seen.snapshots
  }
  /** It hangs on the lease of the first. */
  const recordAt = (at: number, { id: lease, since, asked }: Lease): Put[] => {
    if (!record || at > 0) return []
    const value = extendedRecord(record.value, since.plusSeconds(asked), since)
    return [{ type: 'put', key: record.key, value, lease }]
  }
  const prepare = async (
    snapshots: readonly Snapshot[],
    within: CallOptions,
  ): Promise<TransferPlan<void> | undefined> => {
    const leases = await engine.pool.takeAllFresh(snapshots.map(ttlFor), within)
    const transactions = snapshots.flatMap((snapshot, at) => {
      const { id: lease, since, asked: ttl } = leases[at]!
      const extraOps = recordAt(at, leases[at]!)
      return plan(snapshot, { uuid, ttl, lease, extraOps }, since) ?? []
    })
    if (transactions.length === keys.length) return { leases, transactions, outcome: undefined }
    for (const lease of leases) engine.pool.return(lease)
    return undefined
  }
  return new LeaseTransfer(engine, uuid, look, prepare, listener)
}
