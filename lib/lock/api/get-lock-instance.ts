import { loadConfig } from '../../config/load.js'
import { ALLOWED_PREFIXES } from '../../model/constants.js'
import { LockConfigError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import { checkAllowedPrefix, checkPrefix } from '../../protocol/lock-name.js'
import { checkInstanceOptions } from '../options/check-options.js'
import { checkOwner } from '../options/check-arguments.js'
import { Lock } from './lock.js'
import type { LockInstanceOptions } from '../options/lock-options.js'
import { NoLock } from './no-lock.js'

/**
 * The Lock that a configuration file describes, or a {@link NoLock} when `configFile` is null. Reads the file at once, and
 * connects at the first call.
 * @throws LockConfigError for a missing or broken file, InvalidLockError for a prefix that is not allowed, or a
 * bad owner or option.
 */
export function getLockInstance(given: LockInstanceOptions): Lock | NoLock {
  checkInstanceOptions(given)
  const { configFile, ...options } = given
  const { prefix, owner, allowedPrefixes = [] } = options
  allowedPrefixes.forEach(checkAllowedPrefix)
  checkPrefix(prefix, [...ALLOWED_PREFIXES, ...allowedPrefixes])
  checkOwner(owner)
  if (configFile === null) return new NoLock()
  if (typeof configFile !== 'string') {
    throw new LockConfigError(
      `The configFile must be the path of a YAML file, or null to run without locks, got ${describeValue(configFile)}.`,
    )
  }
  const { config, warnings } = loadConfig(configFile)
  for (const warning of warnings) options.logger?.warn(warning)
  return new Lock({ ...options, config })
}
