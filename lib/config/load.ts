import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { parseDocument } from 'yaml'
import { LockConfigError } from '../model/errors.js'
import { type CheckedConfig, validateConfig, validateFields } from './validate.js'

const USER_FILE = '.etcdrc'

/**
 * Reads a configuration file, and `~/.etcdrc` of the running user over it when there is one. An empty
 * file is an empty configuration.
 * @param home of the running user; no `.etcdrc` is read when it is not an absolute path.
 * @throws LockConfigError when the file is missing, no YAML, or holds a wrong or unknown option.
 */
export function loadConfig(file: string, home = userHome()): CheckedConfig {
  const main = readFields(file)
  if (!main) {
    throw new LockConfigError(
      `Unable to read the lock configuration ${file}: there is no such file. ` +
        'Create it, or name the right one.',
    )
  }
  const userFile = join(home, USER_FILE)
  const user = isAbsolute(home) ? readFields(userFile) : undefined
  if (!user) return { ...validateConfig(main.config, file), warnings: main.warnings }
  const { config } = validateConfig({ ...main.config, ...user.config }, `${file} with ${userFile}`)
  const isExposed = user.config.password !== undefined && (statSync(userFile).mode & 0o077) !== 0
  const exposed = isExposed
    ? [`${userFile} holds a password and others can read it: chmod 600 ${userFile}`]
    : []
  return { config, warnings: [...main.warnings, ...user.warnings, ...exposed] }
}

/** Undefined when there is no such file. */
function readFields(file: string): CheckedConfig | undefined {
  const text = readText(file)
  return text === undefined ? undefined : validateFields(parse(file, text) ?? {}, file)
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new LockConfigError(
      `Unable to read the lock configuration ${file}: ${message}. Make it a file that this user can read.`,
      { cause },
    )
  }
}

/** The parser's own messages quote the source, which may be the password: none is passed on, not even as a cause. */
function parse(file: string, text: string): unknown {
  const document = parseDocument(text)
  const error = document.errors[0] ?? document.warnings[0]
  if (error) {
    const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 }
    throw new LockConfigError(
      `The lock configuration ${file} is not valid YAML: ${error.code} at line ${line}, column ${col}.`,
    )
  }
  try {
    return document.toJS()
  } catch {
    throw new LockConfigError(
      `The lock configuration ${file} is not valid YAML: an alias has no anchor. ` +
        'Put a value that starts with * in quotes.',
    )
  }
}

/** Empty for a user without a home, as in some containers. */
function userHome(): string {
  try {
    return homedir()
  } catch {
    return ''
  }
}
