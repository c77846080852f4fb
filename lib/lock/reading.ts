import { EtcdLockUnavailableError, LockError } from '../model/errors.js'
import type { Engine } from './engine.js'

/** How long a mere read is repeated, milliseconds. */
export const READ_BUDGET_MS = 5_000

/** A read for a caller, repeated for a few seconds. @throws LockError when etcd fails. */
export async function reading<T>(
  engine: Engine,
  path: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await engine.persist({ path }, work, { budget: engine.budget(READ_BUDGET_MS), signal })
  } catch (error) {
    if (!(error instanceof EtcdLockUnavailableError)) throw error
    throw new LockError(`Failed to get the key: ${error.message}`, { key: path, cause: error })
  }
}
