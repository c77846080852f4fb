import type { Logger } from 'pino'
import { loadConfig } from '../config/load.js'
import { ALLOWED_PREFIXES } from '../model/constants.js'
import { LockConfigError } from '../model/errors.js'
import { shown } from '../model/shown.js'
import { checkAllowedPrefix, checkPrefix } from '../protocol/lock-name.js'
import { Lock } from './lock.js'
import { NoLock } from './no-lock.js'

export interface LockInstanceOptions {
  /** A YAML file, over which `~/.etcdrc` is merged; null runs without locks. */
  readonly configFile: string | null
  readonly prefix: string
  readonly owner: string
  readonly dryRun?: boolean
  readonly allowedPrefixes?: readonly string[]
  readonly logger?: Logger
}

/** @throws LockError for a prefix that is not allowed, LockConfigError for a missing or broken file. */
export function getLockInstance({ configFile, ...options }: LockInstanceOptions): Lock | NoLock {
  const { prefix, allowedPrefixes = [] } = options
  allowedPrefixes.forEach(checkAllowedPrefix)
  checkPrefix(prefix, [...ALLOWED_PREFIXES, ...allowedPrefixes])
  if (configFile === null) return new NoLock()
  if (typeof configFile !== 'string') {
    throw new LockConfigError(
      `The configFile must be the path of a YAML file, or null to run without locks, got ${shown(configFile)}.`,
    )
  }
  const { config, warnings } = loadConfig(configFile)
  for (const warning of warnings) options.logger?.warn(warning)
  return new Lock({ ...options, config })
}
