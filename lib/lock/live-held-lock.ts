import { EventEmitter } from 'node:events'
import type { TransactionResult } from '../kv/transaction.js'
import { LockLostError } from '../model/errors.js'
import { type GuardedWrite, guarded, verdict, verification } from '../protocol/guard.js'
import type { Engine } from './engine.js'
import { extend } from './extend.js'
import type { HeldLock } from './held-lock.js'
import type { Holding } from './holdings.js'
import { translated } from './persist.js'
import { Tenure, type TenureOptions } from './tenure.js'

/** A holding in etcd, in the hands of a caller. */
export class LiveHeldLock implements HeldLock {
  readonly id: string
  readonly name: string
  readonly key: string
  readonly owner: string
  readonly fencingToken: bigint
  private readonly controller = new AbortController()
  private readonly events = new EventEmitter<{ expiring: [] }>()
  private readonly tenure: Tenure
  private released: Promise<void> | undefined

  constructor(
    private readonly engine: Engine,
    private readonly holding: Holding,
    options: TenureOptions,
    private readonly letGo: () => Promise<void>,
  ) {
    this.id = holding.uuid
    this.name = holding.key.name
    this.key = holding.key.path
    this.owner = holding.owner
    this.fencingToken = holding.token
    this.tenure = new Tenure(engine, holding, options, {
      onLost: error => this.controller.abort(error),
      onExpiring: () => this.announce(),
    })
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  get deadline(): Date {
    return new Date(this.engine.clock.now().toDate().getTime() + this.tenure.remaining)
  }

  remaining(): number {
    this.tenure.lost()
    return this.tenure.remaining / 1000
  }

  on(event: 'expiring', listener: () => void): this {
    this.events.on(event, listener)
    return this
  }

  off(event: 'expiring', listener: () => void): this {
    this.events.off(event, listener)
    return this
  }

  assertHeld(): void {
    const loss = this.tenure.lost()
    if (loss) throw loss
    if (this.released) throw this.lost('it was released')
  }

  async verify(): Promise<void> {
    await this.guard(verification(this.holding))
  }

  async extend(ttl: number): Promise<void> {
    this.assertHeld()
    const lease = await extend(this.engine, this.holding.key, this.id, ttl)
    const loss = this.tenure.lost()
    if (loss) {
      // It came too late, and nobody would renew or release what it has got.
      this.engine.pool.discard(lease)
      throw loss
    }
    this.tenure.moveTo(lease)
  }

  async guard(write: GuardedWrite): Promise<TransactionResult> {
    this.assertHeld()
    const result = await this.engine.commit(guarded(this.holding, write)).catch((error: unknown) => {
      throw translated(error, this.key)
    })
    const { stands, currentToken } = verdict(this.holding, result)
    if (result.succeeded) return result
    if (stands) return { ...result, results: [] }
    this.tenure.lose('released elsewhere', 'its holder key is gone from etcd', currentToken)
    throw this.tenure.lost() ?? this.lost('it was released', currentToken)
  }

  release(): Promise<void> {
    this.released ??= this.tenure.lost() ? Promise.resolve() : this.leave()
    return this.released
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  private leave(): Promise<void> {
    this.tenure.end()
    return this.letGo()
  }

  private lost(detail: string, currentToken?: bigint): LockLostError {
    return new LockLostError(`The lock ${this.key} (id ${this.id}) is not held: ${detail}.`, {
      key: this.key,
      reason: 'released elsewhere',
      fencingToken: this.fencingToken,
      currentToken,
    })
  }

  /** What a listener throws is its own business, and must not end the process from a timer. */
  private announce(): void {
    try {
      this.events.emit('expiring')
    } catch (err) {
      this.engine.log.error({ key: this.key, id: this.id, err }, 'A listener to expiring has thrown')
    }
  }
}
