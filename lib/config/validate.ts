import { inspect } from 'node:util'
import { describeSetting } from '../model/describe-value.js'
import { LockConfigError } from '../model/errors.js'
import { isHost, parseEndpoint } from './endpoints.js'
import { nearest } from './nearest.js'
import { IGNORED_OPTIONS, type LockConfig, RULES } from './schema.js'

export interface CheckedConfig {
  readonly config: LockConfig
  readonly warnings: readonly string[]
}

const options = Object.keys(RULES) as (keyof LockConfig)[]

/**
 * Checks every field of one source, and that the fields agree.
 * @param source what the error names: a file, or the argument it came in.
 * @throws LockConfigError naming the source, the field, its value (never a password) and what was expected.
 */
export function validateConfig(raw: unknown, source: string): CheckedConfig {
  const checked = validateFields(raw, source)
  const problem = conflictIn(checked.config)
  if (problem) throw new LockConfigError(`${source}: ${problem}`)
  return checked
}

/** As {@link validateConfig}, but for one of several sources that are merged: its fields need not be complete. */
export function validateFields(raw: unknown, source: string): CheckedConfig {
  const isMapping = typeof raw === 'object' && raw !== null && !Array.isArray(raw)
  if (!isMapping) throw new LockConfigError(`${source}: expected a mapping of options, got ${kindOf(raw)}.`)
  const config: LockConfig = Object.fromEntries(
    Object.entries(raw).filter(([field]) => !IGNORED_OPTIONS.includes(field)),
  )
  const warnings = IGNORED_OPTIONS.filter(field => field in raw).map(
    field => `${source}: the option '${field}' has no meaning here and is ignored.`,
  )
  const problem = problemIn({ ...config })
  if (problem !== undefined) throw new LockConfigError(`${source}: ${problem}`)
  const { host, endpoints } = config
  const hosts = typeof host === 'string' ? [host] : (host ?? []).map(([name]) => name)
  if (!hosts.every(isHost)) throw new LockConfigError(`${source}: ${mismatch('host', host)}`)
  if (!endpoints) return { config, warnings }
  const parsed = endpoints.map(endpoint => parseEndpoint(endpoint, `${source}: the option 'endpoints'`))
  return { config: { ...config, endpoints: parsed }, warnings }
}

/** What is wrong with the first field that is. */
function problemIn(config: Readonly<Record<string, unknown>>): string | undefined {
  const unknown = Object.keys(config).find(field => !Object.hasOwn(RULES, field))
  if (unknown !== undefined) return unknownOption(unknown)
  const wrong = options.find(field => config[field] !== undefined && !RULES[field][1](config[field]))
  return wrong && mismatch(wrong, config[wrong])
}

function mismatch(field: keyof LockConfig, value: unknown): string {
  const got = field === 'password' ? 'something else (not shown)' : withItems(value)
  return `the option '${field}' must be ${RULES[field][0]}, got ${got}.`
}

/** The fields of the configuration that are lists or mappings are short, and hold no secret but in URLs. */
function withItems(value: unknown): string {
  if (typeof value !== 'object' || value === null) return describeSetting(value)
  const text = inspect(value, { compact: true, breakLength: Infinity })
  return text.includes('@') ? 'something with credentials (not shown)' : text
}

/** `{password:secret}` is one key in YAML: what cannot be the name of an option is not repeated. */
function unknownOption(field: string): string {
  const [name] = /^[\w-]*/.exec(field)!
  const near = nearest(name, options)
  const advice = near ? `did you mean '${near}'?` : `expected one of: ${options.join(', ')}.`
  return `unknown option '${name === field ? name : `${name}…`}', ${advice}`
}

function conflictIn(config: LockConfig): string | undefined {
  const { endpoints, srv_domain, host, protocol, username, password } = config
  const other = (['host', 'port', 'protocol', 'srv_domain'] as const).find(
    field => config[field] !== undefined,
  )
  if (endpoints && other) return `'endpoints' and '${other}' exclude each other.`
  if (srv_domain !== undefined && host !== undefined) return `'srv_domain' and 'host' exclude each other.`
  const plain = endpoints?.filter(endpoint => endpoint.startsWith('http:')) ?? []
  if (plain.length > 0 && plain.length < endpoints!.length) {
    return `the 'endpoints' must be all http or all https, got ${endpoints!.join(', ')}.`
  }
  if (username !== undefined && password === undefined) return `'username' needs a 'password'.`
  if (password !== undefined && username === undefined) return `'password' needs a 'username'.`
  const certificate = (['ca_cert', 'cert'] as const).find(field => config[field] !== undefined)
  if (certificate && (protocol === 'http' || plain.length > 0)) {
    return `'${certificate}' is for https, but the connection would be plain http.`
  }
  return undefined
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}
