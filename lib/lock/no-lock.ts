import { KeyLocks } from '../model/key-locks.js'
import type { AcquireOptions } from './acquire-options.js'
import { HeldLock } from './held-lock.js'
import type { Lock } from './lock.js'
import type { LockState } from './lock-state.js'

/** The surface of a {@link Lock} that does nothing, for where locking is disabled. Ids are empty. */
export class NoLock implements Pick<Lock, keyof Lock> {
  readonly prefix = ''
  readonly owner = ''
  readonly dryRun = true

  get(name: string): Promise<KeyLocks> {
    return Promise.resolve(new KeyLocks(name))
  }

  acquire(_name: string, _options: AcquireOptions): Promise<string> {
    return Promise.resolve('')
  }

  async acquired<T>(_name: string, _options: AcquireOptions, fn: (id: string) => Promise<T> | T): Promise<T> {
    return await fn('')
  }

  hold(name: string, _options: AcquireOptions): Promise<HeldLock> {
    return Promise.resolve(new HeldLock(this, name, ''))
  }

  release(_name: string, _id: string): Promise<void> {
    return Promise.resolve()
  }

  extend(_name: string, _id: string, _ttl: number): Promise<void> {
    return Promise.resolve()
  }

  inspect(name: string): Promise<LockState> {
    return Promise.resolve({ prefix: '', name, key: name, holders: [], waiters: [] })
  }

  list(): Promise<LockState[]> {
    return Promise.resolve([])
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
