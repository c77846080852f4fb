import { Ajv, type ErrorObject } from 'ajv'
import { LockConfigError } from '../model/errors.js'
import { parseEndpoint } from './endpoints.js'
import { nearest } from './nearest.js'
import { configSchema, EXPECTED, IGNORED_OPTIONS, type LockConfig } from './schema.js'

export interface CheckedConfig {
  readonly config: LockConfig
  readonly warnings: readonly string[]
}

const validate = new Ajv({ allowUnionTypes: true, strictTuples: false }).compile<LockConfig>(configSchema)

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
  const isObject = typeof raw === 'object' && raw !== null && !Array.isArray(raw)
  if (!isObject) throw new LockConfigError(`${source}: expected a mapping of options, got ${shown(raw)}.`)
  const config = Object.fromEntries(Object.entries(raw).filter(([field]) => !IGNORED_OPTIONS.includes(field)))
  const warnings = IGNORED_OPTIONS.filter(field => field in raw).map(
    field => `${source}: the option '${field}' has no meaning here and is ignored.`,
  )
  if (!validate(config)) throw new LockConfigError(`${source}: ${describe(validate.errors!, config)}`)
  config.endpoints?.forEach(endpoint => parseEndpoint(endpoint, `${source}: endpoints`))
  return { config, warnings }
}

function describe(errors: readonly ErrorObject[], config: Record<string, unknown>): string {
  const { keyword, instancePath, params } = errors[0]!
  if (keyword === 'additionalProperties') {
    const field = String(params['additionalProperty'])
    const near = nearest(field, Object.keys(EXPECTED))
    return `unknown option '${field}'${near ? `, did you mean '${near}'?` : '.'}`
  }
  const field = instancePath.split('/')[1]!
  const value = field === 'password' ? `a ${typeof config[field]}` : shown(config[field])
  return `the option '${field}' must be ${EXPECTED[field]}, got ${value}.`
}

function conflictIn(config: LockConfig): string | undefined {
  const other = (['host', 'port', 'protocol', 'srv_domain'] as const).find(
    field => config[field] !== undefined,
  )
  if (config.endpoints && other) return `'endpoints' and '${other}' exclude each other.`
  if (config.srv_domain !== undefined && config.host !== undefined)
    return `'srv_domain' and 'host' exclude each other.`
  if (new Set(config.endpoints?.map(endpoint => parseEndpoint(endpoint).protocol)).size > 1) {
    return `the 'endpoints' must be all http or all https.`
  }
  if (config.username !== undefined && config.password === undefined) return `'username' needs a 'password'.`
  if (config.password !== undefined && config.username === undefined) return `'password' needs a 'username'.`
  const certificate = (['ca_cert', 'cert'] as const).find(field => config[field] !== undefined)
  const isPlain = config.protocol === 'http' || config.endpoints?.some(url => url.startsWith('http:'))
  if (certificate && isPlain) return `'${certificate}' is for https, but the connection would be plain http.`
  return undefined
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
