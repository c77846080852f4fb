import { hostname, userInfo } from 'node:os'
import { isatty } from 'node:tty'
import type { Command } from 'commander'
import { Lock } from '../lock/lock.js'
import { COOKBOOKS_CUSTOM_PREFIX } from '../model/constants.js'
import { runChild } from './child.js'
import { connectionOf, type ConnectionOptions, prefixesOf, withConnection } from './connection.js'
import { CliError, EXIT, EXIT_CODES_HELP } from './exit-codes.js'
import { integerFrom, seconds } from './numbers.js'
import { say, write } from './output.js'
import { Interruption } from './signals.js'
import { WaitLine } from './wait-line.js'

interface RunOptions extends ConnectionOptions {
  readonly prefix: string
  readonly concurrency: number
  readonly ttl: number
  readonly wait: number
  readonly owner?: string
  readonly dryRun?: true
  readonly quiet?: true
}

const HELP = `
The lock is released however COMMAND ends. Signals are passed on to it; one that comes during the
wait ends the wait. All that follows -- belongs to COMMAND.

${EXIT_CODES_HELP}`

/** @param argv the whole command line, which alone tells where `--` was. */
export function addRun(program: Command, argv: readonly string[]): void {
  withConnection(program.command('run'))
    .description('run a command while holding a lock')
    .usage('[options] NAME -- COMMAND [ARGS...]')
    .argument('<name>', 'of the lock')
    .argument('<command...>', 'to run, with its arguments')
    .option('--prefix <prefix>', 'of the lock', COOKBOOKS_CUSTOM_PREFIX)
    .option('--concurrency <number>', 'how many may hold at once; 0: any number', integerFrom(0), 1)
    .option('--ttl <seconds>', 'how long the lock is held at most', integerFrom(1), 1_800)
    .option('--wait <seconds>', 'how long to wait for the lock; 0 tries once', seconds, 1_800)
    .option('--owner <text>', 'who holds, for people (default: user@host [pid])')
    .option('--dry-run', 'write nothing to etcd; run COMMAND only if the lock could be taken now')
    .option('--quiet', 'do not show the wait')
    .addHelpText('after', HELP)
    .action(async (name: string, command: [string, ...string[]], options: RunOptions) => {
      if (argv.at(-1 - command.length) !== '--' || command[0] === '') {
        throw new CliError('the command to run must follow --: spicelock run NAME -- COMMAND', EXIT.usage)
      }
      process.exitCode = await run(name, command, options)
    })
}

async function run(name: string, command: [string, ...string[]], options: RunOptions): Promise<number> {
  const { prefix, owner = defaultOwner(), concurrency, ttl, wait, dryRun = false, quiet } = options
  const connection = connectionOf(options)
  prefixesOf(connection, prefix)
  const lock = new Lock({ ...connection, prefix, owner, dryRun })
  const waitLine = new WaitLine({ columns: isatty(2) ? process.stderr.columns || 80 : undefined, write })
  const interruption = new Interruption()
  const { signal } = interruption
  const onWait = waitLine.show.bind(waitLine)
  try {
    const terms = { concurrency, ttl, wait, signal, ...(!quiet && { onWait }) }
    return await lock.acquired(name, terms, () => {
      waitLine.clear()
      signal.throwIfAborted()
      if (dryRun && !quiet) say(`dry run: ${prefix}/${name} could be taken, and is not`)
      return runChild(command)
    })
  } finally {
    waitLine.clear()
    await lock.close()
    interruption.close()
  }
}

function defaultOwner(): string {
  return `${userName()}@${hostname()} [${process.pid}]`
}

/** In some containers the user has an id only. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.())
  }
}
