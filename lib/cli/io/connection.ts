import type { Command } from 'commander'
import type { Logger } from 'pino'
import { parseEndpoints } from '../../config/endpoints.js'
import { loadConfig } from '../../config/load.js'
import type { LockConfig } from '../../config/schema.js'
import { ALLOWED_PREFIXES } from '../../model/constants.js'
import { checkAllowedPrefix, checkPrefix } from '../../protocol/lock-name.js'
import { CliError, EXIT } from './exit-codes.js'
import { stderrLogger } from './logger.js'

/** What every command takes to find etcd and to say what it does. */
export interface ConnectionOptions {
  readonly config?: string
  readonly endpoints?: string
  readonly allowPrefix?: readonly string[]
  readonly verbose?: true
  /** Of those commands that have it. */
  readonly quiet?: true
}

export interface Connection {
  readonly config: LockConfig
  readonly allowedPrefixes: readonly string[]
  readonly logger: Logger
}

/** What `endpoints` replaces. */
const ADDRESS_FIELDS = ['host', 'port', 'protocol', 'srv_domain']

type Environment = Readonly<Record<string, string | undefined>>

export const CONNECTION_HELP = `These options may stand before the command or behind it, where they count for more.

Where etcd is:
  The first of these that is given names the endpoints:
  --endpoints, --config, SPICELOCK_ENDPOINTS, SPICELOCK_CONFIG; else http://127.0.0.1:2379.
  Certificates, user and timeout are those of --config or else SPICELOCK_CONFIG, whatever names
  the endpoints. ~/.etcdrc is merged over the file. SPICELOCK_LOG=LEVEL logs as --verbose does.`

export function withConnection(command: Command): Command {
  return command
    .option('--config <file>', 'YAML file that says how to reach etcd')
    .option('--endpoints <urls>', 'URLs of etcd, comma separated')
    .option('--allow-prefix <prefix>', 'one more prefix that may be used (repeatable)', append)
    .option('--verbose', 'log to stderr what is done')
}

/** The options that commands share are options of the program, too: `spicelock --endpoints URL ls`. */
export function withSharedOptions(program: Command): Command {
  return withConnection(program)
    .option('--prefix <prefix>', 'of the locks')
    .option('--json', 'as JSON: ls, show, release, watch')
    .hook('preAction', (_, command) => handDown(program, command))
}

/** What stands behind the command counts for more; what may be given repeatedly adds up. */
function handDown(program: Command, command: Command): void {
  for (const [name, value] of Object.entries(program.opts())) {
    if (!command.options.some(option => option.attributeName() === name)) {
      throw new CliError(`${command.name()} has no option --${name}`, EXIT.usage)
    }
    const own: unknown = command.getOptionValue(name)
    const isGiven = command.getOptionValueSource(name) === 'cli'
    const both = Array.isArray(own) ? [...(value as unknown[]), ...(own as unknown[])] : own
    command.setOptionValueWithSource(name, isGiven ? both : value, 'cli')
  }
}

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

function append(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}
