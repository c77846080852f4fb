import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { API_KEY, isApiKey } from '../relukko/api-key.js'
import { CliError, EXIT } from './exit-codes.js'

/** Who uses the key of RELUKKO_API_KEY, for the log. */
const RELUKKO = 'relukko'

/**
 * Keys by the name of who uses them: that of the environment, and those of a file.
 * @param file of YAML or JSON; that of RELUKKO_API_KEYS_FILE when not given.
 * @throws CliError, which tells no key.
 */
export function apiKeysOf(file = process.env['RELUKKO_API_KEYS_FILE']): Record<string, string> {
  const { RELUKKO_API_KEY: key } = process.env
  const own = file ? keysIn(file) : {}
  if (key && Object.hasOwn(own, RELUKKO)) {
    throw new CliError(
      `${file}: '${RELUKKO}' is the name of the key in RELUKKO_API_KEY, which is set`,
      EXIT.usage,
    )
  }
  const keys = { ...(key && { [RELUKKO]: checked('RELUKKO_API_KEY', key) }), ...own }
  if (Object.keys(keys).length > 0) return keys
  throw new CliError(
    'RELUKKO_API_KEY must say the key that clients send, and is not set; or name a file of keys with --api-keys',
    EXIT.usage,
  )
}

function keysIn(file: string): Record<string, string> {
  const content = contentOf(file)
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new CliError(`${file} must hold names, each with a key, like "robots: a-long-key"`, EXIT.usage)
  }
  return Object.fromEntries(
    Object.entries(content).map(([name, key]) => [name, checked(`${file}: ${name}`, key)]),
  )
}

function contentOf(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'), { logLevel: 'error' })
  } catch (cause) {
    // What YAML has to say quotes the line, which may be a key; warnings do, too.
    const why = (cause as NodeJS.ErrnoException).code?.startsWith('E')
      ? (cause as Error).message
      : 'it is no YAML'
    throw new CliError(`cannot read the keys in ${file}: ${why}`, EXIT.usage)
  }
}

function checked(where: string, key: unknown): string {
  if (isApiKey(key)) return key
  throw new CliError(`${where}: the key must be ${API_KEY}`, EXIT.usage)
}
