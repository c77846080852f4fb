import type { Logger } from 'pino'
import { parseEndpoints } from '../../config/endpoints.js'
import { loadConfig } from '../../config/load.js'
import type { LockConfig } from '../../config/schema.js'
import { ALLOWED_PREFIXES } from '../../model/constants.js'
import { checkAllowedPrefix, checkPrefix } from '../../protocol/lock-name.js'
import type { ConnectionOptions } from '../usage/shared-options.js'
import { stderrLogger } from './logger.js'

export interface Connection {
  readonly config: LockConfig
  readonly allowedPrefixes: readonly string[]
  readonly logger: Logger
}

/** What `endpoints` replaces. */
const ADDRESS_FIELDS = ['host', 'port', 'protocol', 'srv_domain']

type Environment = Readonly<Record<string, string | undefined>>

/** @throws CliError, InvalidLockError, LockConfigError. */
export function connectionOf(options: ConnectionOptions, env: Environment = process.env): Connection {
  const logger = stderrLogger(
    options.verbose ? 'debug' : env['SPICELOCK_LOG'] || (options.quiet ? 'error' : 'warn'),
  )
  const allowedPrefixes = options.allowPrefix ?? []
  allowedPrefixes.forEach(checkAllowedPrefix)
  return { config: configOf(options, env, logger), allowedPrefixes, logger }
}

/** The prefixes that may be used; all of them, or `prefix` alone. @throws InvalidLockError when it is not allowed. */
export function prefixesOf({ allowedPrefixes }: Connection, prefix?: string): readonly string[] {
  const allowed = [...new Set([...ALLOWED_PREFIXES, ...allowedPrefixes])]
  if (prefix === undefined) return allowed
  checkPrefix(prefix, allowed)
  return [prefix]
}

function configOf(options: ConnectionOptions, env: Environment, logger: Logger): LockConfig {
  const file = options.config ?? (env['SPICELOCK_CONFIG'] || undefined)
  const endpoints = endpointsOf(options, env)
  if (file === undefined) return endpoints ? { endpoints } : {}
  const { config, warnings } = loadConfig(file)
  for (const warning of warnings) logger.warn(warning)
  if (!endpoints) return config
  const others = Object.entries(config).filter(([field]) => !ADDRESS_FIELDS.includes(field))
  return { ...Object.fromEntries(others), endpoints }
}

function endpointsOf({ endpoints, config }: ConnectionOptions, env: Environment): string[] | undefined {
  if (endpoints !== undefined) return parseEndpoints(endpoints, '--endpoints')
  const fromEnv = config === undefined ? env['SPICELOCK_ENDPOINTS'] : undefined
  return fromEnv ? parseEndpoints(fromEnv, 'SPICELOCK_ENDPOINTS') : undefined
}
