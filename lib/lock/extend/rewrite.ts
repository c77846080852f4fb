import type { LeaseId } from '../../kv/key-value.js'
import type { Op } from '../../kv/transaction.js'
import type { Timestamp } from '../../model/timestamp.js'
import { extend } from '../../protocol/extend.js'
import type { LockKey } from '../../protocol/lock-key.js'
import type { Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import type { Budget } from '../../time/budget.js'
import type { Engine } from '../engine/engine.js'
import { leastTtl } from './extend.js'
import { LeaseTransfer } from './lease-transfer.js'
import type { TransferPlan } from './transfer-state.js'

/** What a holding is to become. */
export interface Rewriting<T> {
  /** Seconds from now. */
  readonly ttl: number
  /** The holder relies on the ttl that it was promised: the holding must not end sooner. */
  readonly keepsPromise: boolean
  /** A new owner; the old one when not given. */
  readonly owner?: string
  /** To be written in the same transaction, on the new lease. */
  readonly extraOps: (lease: LeaseId) => readonly Op[]
  /** What the call resolves to. */
  readonly outcome: T
}

/**
 * Puts a holding on a new lease, with another ttl, owner and data of the caller's, in one transaction.
 * Resolves to undefined when nothing is held under this id (any more).
 * @param look reads the holding in one attempt; undefined when it is not held.
 * @param rewriting decides on what was read; it is called again when the lock has changed meanwhile.
 * @throws LockRenewedError when a promise is to be kept to a holder that renews by itself, EtcdLockUnavailableError,
 * LockUnreadableError, LockError.
 */
export async function rewrite<S extends { readonly snapshot: Snapshot }, T>(
  engine: Engine,
  key: LockKey,
  id: string,
  look: (within: CallOptions) => Promise<S | undefined>,
  rewriting: (seen: S, now: Timestamp) => Rewriting<T>,
  { budget }: { readonly budget: Budget },
): Promise<T | undefined> {
  let seen: S | undefined
  const lookFirst = async (within: CallOptions): Promise<readonly Snapshot[] | undefined> => {
    seen = await look(within)
    return seen && [seen.snapshot]
  }
  const plan = async (
    [snapshot]: readonly Snapshot[],
    within: CallOptions,
  ): Promise<TransferPlan<T> | undefined> => {
    const now = engine.clock.now()
    const { extraOps, keepsPromise, outcome, ...terms } = rewriting(seen!, now)
    const ttl = keepsPromise ? leastTtl(snapshot!, id, terms.ttl) : terms.ttl
    const lease = await engine.pool.takeFresh(ttl, within)
    const extension = { ...terms, uuid: id, ttl, lease: lease.id, extraOps: extraOps(lease.id) }
    const transaction = extend(snapshot!, extension, now)
    if (transaction) return { leases: [lease], transactions: [transaction], keepsPromise, outcome }
    engine.pool.return(lease)
    return undefined
  }
  const transfer = new LeaseTransfer(engine, id, { look: lookFirst, plan })
  const done = await engine
    .retry(key, within => transfer.advance(within), { budget })
    .finally(() => transfer.dropUnused())
  return done?.outcome
}
