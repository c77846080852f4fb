import { CommanderError } from 'commander'
import { isSpicerackError, type SpicelockErrorCode } from '../../model/errors.js'

/**
 * The exit codes of `spicelock`, apart from those of the command that `run` runs. The numbers are those of sysexits.h.
 */
export const EXIT = {
  ok: 0,
  notHeld: 1,
  usage: 64,
  unreadable: 65,
  unreachable: 69,
  unexpected: 70,
  output: 74,
  unavailable: 75,
  lost: 76,
  dismissed: 77,
  refused: 77,
  notExecutable: 126,
  notFound: 127,
} as const

const MEANINGS: readonly (readonly [code: string, meaning: string])[] = [
  [
    String(EXIT.ok),
    'done, also when the reader of stdout has gone; run --dry-run: the lock could be taken now',
  ],
  [String(EXIT.notHeld), 'release: nobody holds the lock under this id'],
  [String(EXIT.usage), 'wrong usage or configuration'],
  [String(EXIT.unreadable), 'the value in etcd is not a lock; it is left as it is'],
  [String(EXIT.unreachable), 'etcd cannot be reached, or does not serve'],
  [String(EXIT.unexpected), 'unexpected failure'],
  [String(EXIT.output), 'stdout cannot be written; all else may have been done'],
  [
    String(EXIT.unavailable),
    'others hold the lock, and the time to wait is over; run --dry-run: it is not free',
  ],
  [String(EXIT.lost), 'run: the lock was lost; the command was stopped for it, but for --on-lost warn'],
  [String(EXIT.dismissed), 'run: the place in the queue was taken by force; the command was not run'],
  [String(EXIT.refused), 'release: it is not this user on this host who holds the lock; see --force'],
  [String(EXIT.notExecutable), 'run: the command cannot be executed'],
  [String(EXIT.notFound), 'run: the command is not found'],
  ['128+N', 'run: signal N ended the command, or the wait for the lock; watch: signal N ended it'],
]

export const EXIT_CODES_HELP = [
  'Exit codes (run: otherwise that of the command):',
  ...MEANINGS.map(([code, meaning]) => `  ${code.padEnd(5)}  ${meaning}`),
].join('\n')

const EXIT_BY_ERROR: Readonly<Record<SpicelockErrorCode, number>> = {
  LOCK_ERROR: EXIT.unreachable,
  INVALID_LOCK: EXIT.usage,
  INVALID_CONFIG: EXIT.usage,
  LOCK_UNREADABLE: EXIT.unreadable,
  LOCK_UNWRITABLE: EXIT.unexpected,
  LOCK_EXISTING: EXIT.unexpected,
  LOCK_UNAVAILABLE: EXIT.unavailable,
  LOCK_DISMISSED: EXIT.dismissed,
  LOCK_LOST: EXIT.lost,
  LOCK_REENTERED: EXIT.unexpected,
  LOCK_RENEWED: EXIT.unexpected,
  ETCD_UNAVAILABLE: EXIT.unreachable,
  RELUKKO_NOT_FOUND: EXIT.notHeld,
  RELUKKO_INVALID: EXIT.usage,
  RELUKKO_FORBIDDEN: EXIT.usage,
  RELUKKO_SERVER: EXIT.unreachable,
}

/** Ends the command with an exit code of its own; for failures that are none of the library's errors. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** @param error anything but the CommanderErrors of help and version. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode
  if (error instanceof CommanderError) return EXIT.usage
  return isSpicerackError(error) ? EXIT_BY_ERROR[error.code] : EXIT.unexpected
}
