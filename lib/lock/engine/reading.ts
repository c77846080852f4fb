import type { CallOptions } from '../../store/store.js'
import type { Engine } from './engine.js'

/** How long a mere read is repeated, milliseconds. */
export const READ_BUDGET_MS = 5_000

/** A read for a caller, repeated for a few seconds. @throws EtcdLockUnavailableError, LockError. */
export function reading<T>(
  engine: Engine,
  path: string,
  work: (within: CallOptions) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return engine.retry({ path }, work, { budget: engine.budget(READ_BUDGET_MS), signal })
}
