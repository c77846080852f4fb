import { EventEmitter } from 'node:events'
import type { Logger } from 'pino'
import { LockLostError } from '../../model/errors.js'
import { printAs } from '../../model/printed.js'
import type { GuardedWrite } from '../../protocol/guard.js'
import type { Clock } from '../../time/clock.js'
import { checkListener } from '../options/check-options.js'
import { describeHeld } from './describe-held.js'
import type { GuardResult, Held } from './held-lock.js'

/** What all handles have in common: the loss and its signal, the release, `expiring`, and what is told of the time. */
export abstract class HandleBase implements Held {
  abstract readonly dryRun: boolean
  abstract readonly id: string
  abstract readonly owner: string
  abstract readonly fencingToken: bigint
  /** The keys, for errors. */
  protected abstract readonly path: string
  protected abstract readonly clock: Clock
  protected abstract readonly log: Logger | undefined
  protected loss: LockLostError | undefined
  private releasing: Promise<boolean> | undefined
  /** When it was lost or released, by the wall clock, milliseconds. */
  private endedAt: number | undefined
  /** Made when they are asked for: most handles are released before anybody listens. */
  private controller: AbortController | undefined
  private events: EventEmitter<{ expiring: [] }> | undefined

  static {
    printAs(this, 'Held', held => describeHeld(held, held.released !== undefined))
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController()
      if (this.loss) this.controller.abort(this.loss)
    }
    return this.controller.signal
  }

  get deadline(): Date {
    return new Date(this.endedAt ?? this.wallMs + this.remainingMs)
  }

  remaining(): number {
    this.check()
    return this.remainingMs / 1000
  }

  on(event: 'expiring', listener: () => void): this {
    checkListener('on', event, listener)
    this.events ??= new EventEmitter()
    this.events.on(event, listener)
    return this
  }

  off(event: 'expiring', listener: () => void): this {
    checkListener('off', event, listener)
    this.events?.off(event, listener)
    return this
  }

  assertHeld(): void {
    const loss = this.check()
    if (loss) throw loss
    if (this.released) throw this.notHeld()
  }

  abstract verify(): Promise<void>
  abstract extend(ttl: number): Promise<void>
  abstract guard(write: GuardedWrite): Promise<GuardResult>
  abstract release(): Promise<boolean>

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  /** Milliseconds for which it is held for certain, by the clocks; 0 when it is lost or released. */
  protected abstract get remainingMs(): number

  /** Checks the deadline, and reports the loss if it has passed. The loss, if there is one. */
  protected abstract check(): LockLostError | undefined

  /** Since {@link release} was called. */
  protected get released(): Promise<boolean> | undefined {
    return this.releasing
  }

  protected set released(releasing: Promise<boolean>) {
    this.endedAt ??= this.wallMs
    this.releasing = releasing
  }

  protected lose(loss: LockLostError): void {
    this.endedAt ??= this.wallMs
    this.loss = loss
    this.controller?.abort(loss)
  }

  /** Tells that the deadline is near. What a listener throws must not end the process from a timer: it is logged. */
  protected tellExpiring(): void {
    try {
      this.events?.emit('expiring')
    } catch (err) {
      this.log?.error({ key: this.path, id: this.id, err }, 'A listener to expiring has thrown')
    }
  }

  private get wallMs(): number {
    return this.clock.now().toDate().getTime()
  }

  /** The error of a call after the release. */
  protected notHeld(currentToken?: bigint): LockLostError {
    return new LockLostError(`The lock ${this.path} (id ${this.id}) is not held: it was released.`, {
      key: this.path,
      reason: 'released',
      fencingToken: this.fencingToken,
      currentToken,
    })
  }
}
