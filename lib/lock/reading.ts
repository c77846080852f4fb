import { EtcdLockUnavailableError, LockError } from '../model/errors.js'
import type { Engine } from './engine.js'
import { persist } from './persist.js'

/** How long a mere read is repeated, milliseconds. */
const READ_BUDGET_MS = 5_000

/** A read for a caller, repeated for a few seconds. @throws LockError when etcd fails. */
export async function reading<T>(engine: Engine, key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await persist(work, { key, clock: engine.clock, budget: () => READ_BUDGET_MS, signal: undefined })
  } catch (error) {
    if (!(error instanceof EtcdLockUnavailableError)) throw error
    throw new LockError(`Failed to get key ${key}: ${error.message}`, { key, cause: error })
  }
}
