import type { TransactionResult } from '../kv/transaction.js'
import { LockError } from '../model/errors.js'
import type { Held, HeldLock, HeldLocks } from './held-lock.js'

/** The handle of what is not locked: in dry-run, and where locking is disabled. Never lost; nothing is written. */
abstract class Pretended implements Held {
  readonly fencingToken = 0n
  readonly deadline = new Date(8.64e15)
  readonly signal: AbortSignal = new AbortController().signal

  constructor(
    readonly owner: string,
    readonly id: string,
    private readonly letGo: () => Promise<void> = () => Promise.resolve(),
  ) {}

  remaining(): number {
    return Infinity
  }

  on(): this {
    return this
  }

  off(): this {
    return this
  }

  assertHeld(): void {}

  verify(): Promise<void> {
    return Promise.resolve()
  }

  extend(_ttl: number): Promise<void> {
    return Promise.resolve()
  }

  guard(): Promise<TransactionResult> {
    if (this.id === '')
      return Promise.reject(new LockError('Locking is disabled: there is no etcd to write to.'))
    return Promise.resolve({ succeeded: true, revision: 0n, results: [] })
  }

  release(): Promise<void> {
    return this.letGo()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

export class PretendedLock extends Pretended implements HeldLock {
  constructor(
    readonly name: string,
    readonly key: string,
    owner: string,
    id: string,
    letGo?: () => Promise<void>,
  ) {
    super(owner, id, letGo)
  }
}

export class PretendedLocks extends Pretended implements HeldLocks {
  constructor(
    readonly names: readonly string[],
    readonly keys: readonly string[],
    owner: string,
    id: string,
    letGo?: () => Promise<void>,
  ) {
    super(owner, id, letGo)
  }
}
