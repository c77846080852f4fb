import type { LeaseId } from '../../kv/key-value.js'
import { type Op, unconditionally } from '../../kv/transaction.js'
import type { ConcurrentLock } from '../../model/concurrent-lock.js'
import { LockKey } from '../../protocol/lock-key.js'
import { successorsOfEach } from '../../protocol/lock-set.js'
import { hasRecord } from '../../protocol/record.js'
import { type Release, release as plan } from '../../protocol/release.js'
import { modRevisionOf, type Snapshot } from '../../protocol/snapshot.js'
import type { CallOptions } from '../../store/store.js'
import { isStoreError } from '../../store/store-error.js'
import type { Budget } from '../../time/budget.js'
import type { Engine } from '../engine/engine.js'
import { logExpired } from '../engine/log-expired.js'

export interface ReleaseOptions {
  /** That of any write, when not given. */
  readonly budget?: Budget
  readonly extraOps?: readonly Op[]
  /** Whether to release what is on this lease: all when not given. */
  readonly isOurs?: (lease: LeaseId) => boolean
}

/**
 * Takes a holder out of locks, all at once, by id alone, within the budget, and writes what is
 * to be written alongside. Resolves to what was released: nothing when nobody holds under this id (any more).
 * @throws EtcdLockUnavailableError, LockUnreadableError, LockError.
 */
export function releaseById(
  engine: Engine,
  keys: readonly LockKey[],
  uuid: string,
  options: ReleaseOptions = {},
): Promise<ConcurrentLock[]> {
  return new Releasing(engine, keys, uuid, options).run()
}

/** Nothing has changed: whoever loses his lease loses his holder key. */
function isSame(before: Snapshot, after: Snapshot): boolean {
  return modRevisionOf(before) === modRevisionOf(after) && before.holders.size === after.holders.size
}

interface Leaving {
  readonly snapshot: Snapshot
  readonly plan: Release
}

class Releasing {
  private snapshots: readonly Snapshot[] = []
  private isGuess = true
  private mostSuccessors: number
  /** A release was sent and no answer came. */
  private unsettled: readonly Leaving[] | undefined

  constructor(
    private readonly engine: Engine,
    private readonly keys: readonly LockKey[],
    private readonly uuid: string,
    private readonly options: ReleaseOptions,
  ) {
    this.mostSuccessors = successorsOfEach(keys.length)
  }

  async run(): Promise<ConcurrentLock[]> {
    const { engine, keys, uuid } = this
    const { budget = engine.budget() } = this.options
    const holdings = keys.map(key => engine.holdings.take(key, uuid)).filter(holding => holding !== undefined)
    this.snapshots = await Promise.all(keys.map(key => engine.cached(key)))
    let clean: readonly Leaving[] = []
    try {
      const done = await engine.retry({ path: keys.join(', ') }, within => this.advance(within), { budget })
      if (!this.unsettled) clean = done
      return done.flatMap(leaving => leaving.plan.released ?? [])
    } finally {
      for (const { key, lease } of holdings) {
        const leaving = clean.find(({ snapshot }) => snapshot.key.path === key.path)
        const last = leaving?.snapshot.holders.get(uuid)?.lease
        if (last === lease.id) engine.pool.return(lease)
        // Somebody has moved it to another, and revokes the first, however late.
        else for (const id of [lease.id, ...(last === undefined ? [] : [last])]) engine.pool.discard({ id })
      }
    }
  }

  private async advance(within: CallOptions): Promise<readonly Leaving[]> {
    if (this.unsettled) await this.look(within)
    for (;;) {
      const leaving = this.plans()
      if (leaving.length < this.keys.length && this.isGuess) await this.look(within)
      else if (leaving.length === 0) return this.unsettled ?? []
      else if (await this.attempt(leaving, within)) return leaving
    }
  }

  private plans(): Leaving[] {
    const now = this.engine.clock.now()
    const { uuid, mostSuccessors } = this
    const { isOurs = () => true } = this.options
    return this.snapshots.flatMap(snapshot => {
      const lease = snapshot.holders.get(uuid)?.lease
      if (lease !== undefined && !isOurs(lease)) return []
      const next = plan(snapshot, uuid, now, { mostSuccessors })
      return next ? [{ snapshot, plan: next }] : []
    })
  }

  private async look(within: CallOptions): Promise<void> {
    this.snapshots = await this.engine.read(this.keys, within)
    this.isGuess = false
  }

  private async attempt(leaving: readonly Leaving[], within: CallOptions): Promise<boolean> {
    const before = leaving.map(({ snapshot }) => snapshot)
    const transactions = leaving.map(each => each.plan.transaction)
    const hasRecords = before.some(snapshot => hasRecord(snapshot, this.uuid))
    const record = { type: 'delete' as const, key: LockKey.record(this.uuid) }
    const beside = [...(hasRecords ? [record] : []), ...(this.options.extraOps ?? [])]
    try {
      const { succeeded, after } = await this.engine.commitTracked(
        before,
        [...transactions, unconditionally(...beside)],
        within,
      )
      this.snapshots = this.snapshots.map(snapshot => after[before.indexOf(snapshot)] ?? snapshot)
      this.isGuess = false
      if (!succeeded) return false
      for (const { snapshot, plan } of leaving) logExpired(this.engine.log, snapshot.key, plan.expired)
      return true
    } catch (error) {
      if (isStoreError(error, 'unreachable')) this.unsettled = leaving
      if (!isStoreError(error, 'lease-not-found')) throw error
      // One who stays, or waits, has lost his lease: what we believe of him is old, and he is not to be trusted.
      const isBare = this.mostSuccessors === 0 && !this.isGuess
      const seen = this.snapshots
      this.mostSuccessors = 0
      await this.look(within)
      // It is the lease of what is written alongside that is gone.
      if (isBare && seen.every((snapshot, at) => isSame(snapshot, this.snapshots[at]!))) throw error
      return false
    }
  }
}
