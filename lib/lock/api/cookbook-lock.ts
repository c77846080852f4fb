import { COOKBOOKS_PREFIX } from '../../model/constants.js'
import { InvalidLockError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import { requestOne } from '../options/acquire-request.js'
import { checkCookbookArgs } from '../options/check-options.js'
import type { LockArgs } from '../options/lock-options.js'

/**
 * The name and the options of the lock of a cookbook's run, for `lock.acquired(name, options, run)`. Defaults as in
 * Spicerack: at most 20 runs at once, for 1800 seconds each.
 * @throws InvalidLockError naming what is wrong.
 */
export function cookbookLock(
  fullName: string,
  lockArgs: LockArgs = {},
): { name: string; options: { concurrency: number; ttl: number } } {
  if (typeof fullName !== 'string' || fullName === '') {
    throw new InvalidLockError(
      `The full name of the cookbook must be a non-empty text, got ${describeValue(fullName)}.`,
    )
  }
  checkCookbookArgs(lockArgs)
  const { suffix = '', concurrency = 20, ttl = 1_800 } = lockArgs
  const name = suffix ? `${fullName}:${suffix}` : fullName
  const options = { concurrency, ttl }
  requestOne('acquire', { prefix: COOKBOOKS_PREFIX, owner: 'cookbookLock' }, name, options)
  return { name, options }
}
