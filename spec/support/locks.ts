import { afterEach, beforeEach, expect } from '@jest/globals'
import { Lock, type LockOptions } from '../../lib/index.js'
import type { Store } from '../../lib/store/store.js'
import { freshName } from './etcd.js'
import { eventually } from './eventually.js'

/** A store, and locks on it that are closed with it. */
export class Locks implements AsyncDisposable {
  private readonly made: Lock[] = []

  constructor(readonly store: Store) {}

  make(options: Partial<LockOptions> = {}): Lock {
    const lock = new Lock({ store: this.store, prefix: 'custom', owner: 'tester', dryRun: false, ...options })
    this.made.push(lock)
    return lock
  }

  /** Resolves when so many wait for a lock. */
  queued(lock: Lock, name: string, length: number): Promise<void> {
    return eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(length))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeLocks()
    await this.store.close()
  }

  protected async closeLocks(): Promise<void> {
    await Promise.all(this.made.map(lock => lock.close()))
  }
}

/** A name with two who want it, for a test that runs beside others on the same store. */
export class Rivals extends Locks {
  readonly name = freshName()
  readonly lock = this.make()
  readonly other = this.make({ owner: 'other' });

  override [Symbol.asyncDispose](): Promise<void> {
    return this.closeLocks()
  }
}

/** A store for each test, and locks on it that are closed after it. */
export function useLocks(makeStore: () => Promise<Store>): Pick<Locks, 'store' | 'make' | 'queued'> {
  let locks: Locks

  beforeEach(async () => {
    locks = new Locks(await makeStore())
  })
  afterEach(() => locks[Symbol.asyncDispose]())

  return {
    get store() {
      return locks.store
    },
    make: options => locks.make(options),
    queued: (lock, name, length) => locks.queued(lock, name, length),
  }
}
