import { InvalidLockError } from '../model/errors.js'

/** How a cookbook is locked for each of its runs; the defaults are those of Spicerack's cookbooks. */
export interface LockArgs {
  /** Tells apart runs that need not exclude each other, for example by data centre. */
  readonly suffix?: string
  readonly concurrency?: number
  /** Seconds; longer than a run is expected to take. */
  readonly ttl?: number
}

/**
 * Name and options of the lock of a cookbook's run, for `lock.acquired(name, options, run)`.
 * @throws InvalidLockError when the name is empty.
 */
export function cookbookLock(
  fullName: string,
  { suffix = '', concurrency = 20, ttl = 1_800 }: LockArgs = {},
): { name: string; options: { concurrency: number; ttl: number } } {
  if (!fullName) throw new InvalidLockError('The full name of the cookbook cannot be empty.')
  return { name: suffix ? `${fullName}:${suffix}` : fullName, options: { concurrency, ttl } }
}
