import type { Op } from '../kv/transaction.js'
import type { ConcurrentLock } from '../model/concurrent-lock.js'
import type { LockKey } from '../protocol/lock-key.js'
import { type Release, release as plan } from '../protocol/release.js'
import type { Snapshot } from '../protocol/snapshot.js'
import { isStoreError } from '../store/store-error.js'
import type { Engine } from './engine.js'
import { logExpired } from './log-expired.js'

export interface ReleaseOptions {
  /** Milliseconds. */
  readonly budgetMs?: number
  readonly alongside?: readonly Op[]
}

/**
 * Takes a holder out of a lock, by id alone, within the budget of any write or `budgetMs`, and writes what is to be
 * written alongside. Resolves to what was released, undefined when nobody holds under this id (any more).
 * @throws EtcdLockUnavailableError, LockUnreadableError, LockError.
 */
export function release(
  engine: Engine,
  key: LockKey,
  uuid: string,
  options: ReleaseOptions = {},
): Promise<ConcurrentLock | undefined> {
  return new Releasing(engine, key, uuid, options.alongside ?? []).run(options)
}

class Releasing {
  private snapshot!: Snapshot
  private isGuess = true
  private mayHandOver = true
  /** A release was sent and no answer came. */
  private unsettled: Release | undefined

  constructor(
    private readonly engine: Engine,
    private readonly key: LockKey,
    private readonly uuid: string,
    private readonly alongside: readonly Op[],
  ) {}

  async run(options: ReleaseOptions): Promise<ConcurrentLock | undefined> {
    const holding = this.engine.holdings.take(this.key, this.uuid)
    this.snapshot = await this.engine.guess(this.key)
    let isClean = false
    try {
      const done = await this.engine.persist(this.key, () => this.advance(), options)
      isClean = done !== undefined && this.unsettled === undefined
      return done?.released
    } finally {
      if (holding && isClean) this.engine.pool.give(holding.lease)
      else if (holding) this.engine.pool.discard(holding.lease)
    }
  }

  private async advance(): Promise<Release | undefined> {
    if (this.unsettled) await this.look()
    for (;;) {
      const { snapshot, uuid, mayHandOver } = this
      const next = plan(snapshot, uuid, this.engine.clock.now(), { mayHandOver })
      if (!next && !this.isGuess) return this.unsettled
      if (!next) await this.look()
      else if (await this.attempt(next)) return next
    }
  }

  private async look(): Promise<void> {
    this.snapshot = await this.engine.read(this.key)
    this.isGuess = false
  }

  private async attempt(next: Release): Promise<boolean> {
    const { success, ...rest } = next.transaction
    const transaction = { ...rest, success: [...success, ...this.alongside] }
    try {
      const { succeeded, after } = await this.engine.transit(this.snapshot, transaction)
      this.snapshot = after
      this.isGuess = false
      if (!succeeded) return false
      logExpired(this.engine.log, this.key, next.expired)
      return true
    } catch (error) {
      if (isStoreError(error, 'unreachable')) this.unsettled = next
      if (!isStoreError(error, 'lease-not-found')) throw error
      // One who stays, or waits, has lost his lease: what we believe of him is old, and he is not to be trusted.
      this.mayHandOver = false
      await this.look()
      return false
    }
  }
}
