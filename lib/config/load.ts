import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { parseDocument } from 'yaml'
import { LockConfigError } from '../model/errors.js'
import type { LockConfig } from './schema.js'
import { type CheckedConfig, validateConfig, validateFields } from './validate.js'

const USER_FILE = '.etcdrc'

/**
 * Reads a configuration file, and `~/.etcdrc` of the running user over it when there is one.
 * @throws LockConfigError when the file is missing, no YAML, or holds a wrong or unknown option.
 */
export function loadConfig(file: string, home = homedir()): CheckedConfig {
  const main = readFields(file)
  const userFile = isAbsolute(home) ? join(home, USER_FILE) : undefined
  const user = userFile !== undefined && exists(userFile) ? readFields(userFile) : undefined
  const merged = validateConfig({ ...main.config, ...user?.config }, user ? `${file} with ${userFile}` : file)
  const warnings = [...main.warnings, ...(user?.warnings ?? []), ...warnAboutAccess(userFile, user?.config)]
  return { config: merged.config, warnings }
}

function readFields(file: string): CheckedConfig {
  return validateFields(parse(file, readText(file)) ?? {}, file)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause)
    const advice = 'Create it, or give null to run without locks.'
    throw new LockConfigError(`Unable to read the lock configuration ${file}: ${why}. ${advice}`, { cause })
  }
}

/** The parser's own messages quote the line at fault, which may hold the password. */
function parse(file: string, text: string): unknown {
  const document = parseDocument(text, { prettyErrors: true })
  const [error] = document.errors
  if (!error) return document.toJS()
  const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 }
  throw new LockConfigError(
    `The lock configuration ${file} is not valid YAML: ${error.code} at line ${line}, column ${col}.`,
  )
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}

function warnAboutAccess(file: string | undefined, config: LockConfig | undefined): string[] {
  if (file === undefined || config?.password === undefined || (statSync(file).mode & 0o077) === 0) return []
  return [`${file} holds a password and others can read it: chmod 600 ${file}`]
}
