import { readFileSync } from 'node:fs'
import { parse, YAMLParseError } from 'yaml'
import { API_KEY, isApiKey } from '../../relukko/api-key.js'
import { CliError, EXIT } from '../io/exit-codes.js'

/** The name of the user of RELUKKO_API_KEY, for the log. */
const RELUKKO = 'relukko'
/** Characters; a key of fewer may be guessed. */
export const LONG_ENOUGH = 16

/**
 * API keys by the names of their users: the key of the environment, and those of a file.
 * @param file of YAML or JSON; that of RELUKKO_API_KEYS_FILE when not given.
 * @throws CliError, which tells no key.
 */
export function apiKeysOf(file = process.env['RELUKKO_API_KEYS_FILE']): Record<string, string> {
  const { RELUKKO_API_KEY: key } = process.env
  const own = file ? keysIn(file) : {}
  if (key && Object.hasOwn(own, RELUKKO)) {
    throw refusal(`${file}: '${RELUKKO}' is the name of the key in RELUKKO_API_KEY, which is set`)
  }
  const keys = { ...(key && { [RELUKKO]: checked('RELUKKO_API_KEY', key) }), ...own }
  if (Object.keys(keys).length === 0) {
    if (file) throw refusal(`${file} names no keys, and RELUKKO_API_KEY is not set`)
    throw refusal(
      'RELUKKO_API_KEY must say the key that clients send, and is not set; or name a file of keys with --api-keys',
    )
  }
  checkDistinct(keys, file)
  return keys
}

/** The names of the users whose keys may be guessed. */
export function weakKeysOf(keys: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(keys).filter(name => keys[name]!.length < LONG_ENOUGH)
}

/** The log could not tell apart two users with one key. */
function checkDistinct(keys: Readonly<Record<string, string>>, file: string | undefined): void {
  const names = new Map<string, string>()
  for (const [name, key] of Object.entries(keys)) {
    const other = names.get(key)
    if (other !== undefined) {
      throw refusal(`${file}: '${other}' and '${name}' have the same key; give each its own key`)
    }
    names.set(key, name)
  }
}

function keysIn(file: string): Record<string, string> {
  const content = contentOf(file) ?? {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw refusal(`${file} must hold names, each with a key, like "robots: a-long-key"`)
  }
  return Object.fromEntries(
    Object.entries(content).map(([name, key]) => [name, checked(`${file}: the key of '${name}'`, key)]),
  )
}

function contentOf(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'), { logLevel: 'error' })
  } catch (cause) {
    throw refusal(`cannot read the keys in ${file}: ${reasonOf(cause as Error)}`)
  }
}

/** The message of a YAML error quotes the line, which may hold a key. */
function reasonOf(error: Error & { readonly code?: string }): string {
  if (!(error instanceof YAMLParseError)) {
    return error.code?.startsWith('E') ? error.message : 'it is no YAML'
  }
  const line = `line ${error.linePos?.[0].line}`
  return error.code === 'DUPLICATE_KEY' ? `${line} gives a name again` : `${line} is not as YAML should be`
}

function checked(what: string, key: unknown): string {
  if (isApiKey(key)) return key
  const isUnquoted = typeof key === 'number' || typeof key === 'boolean'
  throw refusal(`${what} ${isUnquoted ? 'is not a text: put it in quotes' : `must be ${API_KEY}`}`)
}

function refusal(problem: string): CliError {
  return new CliError(problem, EXIT.usage)
}
