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

/** Plain lines on stderr. @throws CliError for a level that does not exist. */
export function stderrLogger(level: string): Logger {
  if (!LEVELS.includes(level)) {
    const expected = `expected one of: ${LEVELS.join(', ')}.`
    throw new CliError(`SPICELOCK_LOG: unknown level '${level}', ${expected}`, EXIT.usage)
  }
  return pino({ level, base: null, timestamp: false }, { write: line => say(plain(line)) })
}

function plain(json: string): string {
  const { level, msg, err, ...fields } = JSON.parse(json) as LogLine
  const details = Object.entries(fields).map(([field, value]) => `${field}=${String(value)}`)
  const cause = err ? `: ${err.message}` : ''
  return `${pino.levels.labels[level]}: ${msg}${cause}${details.length > 0 ? ` (${details.join(', ')})` : ''}`
}
