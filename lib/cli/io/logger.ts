import { type Logger, pino } from 'pino'
import { CliError, EXIT } from './exit-codes.js'
import { say } from './output.js'

const LEVELS = [...Object.values(pino.levels.labels), 'silent']

interface LogLine {
  readonly level: number
  readonly msg: string
  readonly err?: { readonly message: string }
  readonly [field: string]: unknown
}

/**
 * Plain lines on stderr.
 * @param isTimed whether each begins with its time, for what runs for long.
 * @throws CliError for a level that does not exist.
 */
export function stderrLogger(level: string, { isTimed = false } = {}): Logger {
  if (!LEVELS.includes(level)) {
    const expected = `expected one of: ${LEVELS.join(', ')}.`
    throw new CliError(`SPICELOCK_LOG: unknown level '${level}', ${expected}`, EXIT.usage)
  }
  const now = (): string => (isTimed ? `${new Date().toISOString()} ` : '')
  return pino({ level, base: null, timestamp: false }, { write: json => say(`${now()}${plain(json)}`) })
}

/** On one line: a value with line ends, which other programs may have written, must not pass for a second entry. */
function plain(json: string): string {
  const { level, msg, err, ...fields } = JSON.parse(json) as LogLine
  const details = Object.entries(fields).map(([field, value]) => `${field}=${String(value)}`)
  const cause = err ? `: ${err.message}` : ''
  const line = `${pino.levels.labels[level]}: ${msg}${cause}${details.length > 0 ? ` (${details.join(', ')})` : ''}`
  return line.replaceAll('\n', ' ')
}
