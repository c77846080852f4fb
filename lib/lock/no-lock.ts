import { KeyLocks } from '../model/key-locks.js'
import type { LockEvent } from '../protocol/lock-event.js'
import type { AcquireOptions, HoldAllOptions, HoldOptions, LockRequest } from './acquire-options.js'
import { Faces } from './faces.js'
import type { HeldLock, HeldLocks } from './held-lock.js'
import type { Lock } from './lock.js'
import type { LockState } from './lock-state.js'
import { PretendedLock, PretendedLocks } from './pretended-lock.js'

/** Where nothing is locked, nothing is lost either. */
const UNLOCKED = { owner: '', id: '', keepAlive: true, expiringMs: 0 }

/** The surface of a {@link Lock} that does nothing, for where locking is disabled. Ids are empty. */
export class NoLock extends Faces implements Pick<Lock, keyof Lock> {
  readonly prefix = ''
  readonly owner = ''
  readonly dryRun = true

  get(name: string): Promise<KeyLocks> {
    return Promise.resolve(new KeyLocks(name))
  }

  acquire(_name: string, _options: AcquireOptions): Promise<string> {
    return Promise.resolve('')
  }

  hold(name: string, { ttl }: HoldOptions): Promise<HeldLock> {
    return Promise.resolve(new PretendedLock(name, name, { ...UNLOCKED, ttl }))
  }

  acquireAll(requests: readonly LockRequest[], _options?: HoldAllOptions): Promise<HeldLocks> {
    const names = requests.map(({ name }) => name)
    const ttl = Math.min(...requests.map(({ ttl }) => ttl))
    return Promise.resolve(new PretendedLocks(names, names, { ...UNLOCKED, ttl }))
  }

  release(_name: string, _id: string): Promise<void> {
    return Promise.resolve()
  }

  extend(_name: string, _id: string, _ttl: number): Promise<void> {
    return Promise.resolve()
  }

  forceRelease(_name: string, _id: string, _options: { readonly reason: string }): Promise<void> {
    return Promise.resolve()
  }

  async *events(): AsyncGenerator<LockEvent, void> {}

  inspect(name: string): Promise<LockState> {
    return Promise.resolve({ prefix: '', name, key: name, holders: [], waiters: [] })
  }

  list(): Promise<LockState[]> {
    return Promise.resolve([])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
