import { afterEach, beforeEach, expect } from '@jest/globals'
import { Lock, type LockOptions } from '../../lib/index.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from './eventually.js'

/** A store for each test, and locks on it that are closed after it. */
export interface Locks {
  readonly store: Store
  make(options?: Partial<LockOptions>): Lock
  /** Resolves when so many wait for a lock. */
  queued(lock: Lock, name: string, length: number): Promise<void>
}

export function useLocks(makeStore: () => Promise<Store>): Locks {
  let store: Store
  let locks: Lock[]

  beforeEach(async () => {
    store = await makeStore()
    locks = []
  })
  afterEach(async () => {
    await Promise.all(locks.map(lock => lock.close()))
    await store.close()
  })

  return {
    get store() {
      return store
    },
    make(options = {}) {
      const lock = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: false, ...options })
      locks.push(lock)
      return lock
    },
    queued: (lock, name, length) =>
      eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(length)),
  }
}
