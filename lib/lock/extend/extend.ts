import type { LeaseId } from '../../kv/key-value.js'
import { LockRenewedError } from '../../model/errors.js'
import { promisedTo } from '../../protocol/extend.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { type Budget, HANDLE_MS } from '../../time/budget.js'
import type { Engine } from '../engine/engine.js'
import { checkTtl } from '../options/check-arguments.js'
import { HoldingExtension } from './holding-extension.js'
import { LeaseTransfer, type TransferListener, type TransferResult } from './lease-transfer.js'

/**
 * Lets holdings last `ttl` seconds from now, all of them at once, on behalf of their holder: they may end sooner than before.
 * Resolves to undefined when nothing is held under this id (any more). Tries for 5 s at most.
 * @param options.listener is told which leases the holdings may be on.
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
  const extension = new HoldingExtension(engine, keys, uuid, () => ttl, false)
  const transfer = new LeaseTransfer(engine, uuid, extension, listener)
  const path = keys.join(', ')
  const options = { signal, budget: engine.budget(HANDLE_MS) }
  return engine
    .retry({ path }, within => transfer.advance(within), options)
    .finally(() => transfer.dropUnused())
}

/**
 * Lets a holding last for at least `ttl` seconds from now, on behalf of anybody who knows its id. It never ends sooner than
 * its holder was promised, since the holder may not hear of it: a shorter ttl leaves the holding its own.
 * Resolves to the ttl that it has, in seconds; to undefined when nothing is held under this id (any more).
 * @param options.budget the time that it may take; that of any write when not given.
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
  const ttlFor = (snapshot: Snapshot): number => (extended = leastTtl(snapshot, uuid, ttl))
  const extension = new HoldingExtension(engine, [key], uuid, ttlFor, true)
  const transfer = new LeaseTransfer(engine, uuid, extension)
  const move = async (within: CallOptions): Promise<number | undefined> =>
    (await transfer.advance(within)) && extended
  const advance = async (within: CallOptions): Promise<number | undefined> => {
    let ended: LeaseId | undefined
    for (;;) {
      const promised = promisedTo(await engine.readOne(key, within), uuid)
      if (!promised?.isRenewed) return move(within)
      if (ttl > promised.ttl) throw renewedByItsHolder(key, uuid)
      const { lease } = promised
      if (lease === undefined || lease === ended) return undefined
      if (await engine.pool.adopt(lease, within)) return promised.ttl
      // The holder may have moved to another lease between our read and our renewal: read again, once for each lease.
      ended = lease
    }
  }
  return engine.retry(key, advance, options).finally(() => transfer.dropUnused())
}

/**
 * The seconds for which a holding must last from now on when another process asks for `ttl`. A holder that does not renew
 * relies on no more than the lease that the holding is on, which was granted before now for its own ttl.
 * @throws LockRenewedError when the holder renews it: a renewal that the holder has sent may arrive after the holding has
 * moved to another lease, and the holder would rely on a longer time than the new lease lasts.
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
