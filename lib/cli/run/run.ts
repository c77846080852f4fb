import { isatty } from 'node:tty'
import { type Command, Option } from 'commander'
import type { HeldLocks } from '../../lock/api/index.js'
import { Lock } from '../../lock/api/lock.js'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { isSpicerackError } from '../../model/errors.js'
import { Child } from './child.js'
import { connectionOf, type ConnectionOptions, prefixesOf, withConnection } from '../io/connection.js'
import { defaultOwner, isOwnOwner } from '../io/default-owner.js'
import { Ending } from './ending.js'
import { CliError, EXIT, EXIT_CODES_HELP } from '../io/exit-codes.js'
import { integerFrom, seconds } from '../io/numbers.js'
import { LossGuard, ON_LOST, type OnLost } from './on-lost.js'
import { locksNamed, quoted, say, write } from '../io/output.js'
import { Interruption } from './signals.js'
import { Suspension } from './suspension.js'
import { WaitLine } from './wait-line.js'
import { Watchdog } from './watchdog.js'

/** How long a place in the queue may take to be given up after a signal; it ends by itself in seconds. */
const GIVE_UP_MS = 2_000
/** How long what is still under way at the end may keep this process alive. */
const LINGER_MS = 50

interface RunOptions extends ConnectionOptions {
  readonly prefix: string
  readonly concurrency: number
  readonly ttl?: number
  readonly keepAlive: boolean
  readonly onLost: OnLost
  readonly killAfter?: number
  readonly wait: number
  readonly owner?: string
  readonly dryRun?: true
}

const HELP = `
The lock is released however COMMAND ends. When etcd does not answer then, this process ends all the
same, with the code of COMMAND, after 5 seconds, or within one after a signal; it says that the lock
stays until its --ttl is over, and how to release it.

Signals are passed on to COMMAND; one that comes during the wait ends the wait. All that follows --
belongs to COMMAND. Several NAMEs are taken at once, all or none, and held together.

The lock is renewed while COMMAND runs. With --no-keep-alive it ends after --ttl seconds in any case.

When the lock is lost, or about to be because etcd cannot be reached, COMMAND and the processes it
has started get SIGTERM (--on-lost), and SIGKILL after --kill-after seconds, which is before anybody
else can hold the lock. (With a terminal as stdin, COMMAND alone gets them.) The same happens when
this process dies of what it cannot catch, such as SIGKILL; the lock is then free after --ttl seconds.

What stops this process, such as Ctrl-Z, stops COMMAND first. When this process is woken (SIGCONT),
COMMAND goes on only if the lock is still held.

As the first process of a container it leaves zombies, as Node does: use docker run --init.

The code tells what happened with --quiet, too: 75 when others hold the lock. With --dry-run it is 0 when
the lock could be taken now, and 75 when not. A lock that was lost ends with 76, also with --on-lost warn,
which leaves COMMAND running, and whatever the code of COMMAND.

COMMAND finds in its environment SPICELOCK_NAME, SPICELOCK_ID, SPICELOCK_FENCING_TOKEN and
SPICELOCK_DEADLINE, until when the lock is held if it is not renewed; of several NAMEs, one in a line.

${EXIT_CODES_HELP}`

/** @param argv the whole command line, which alone tells where `--` was. */
export function addRun(program: Command, argv: readonly string[]): void {
  withConnection(program.command('run'))
    .description('run a command while holding a lock, or several')
    .usage('[options] NAME... -- COMMAND [ARGS...]')
    .argument('<name...>', 'of the locks; and after -- the command to run, with its arguments')
    .option('--prefix <prefix>', 'of the lock', COOKBOOKS_CUSTOM_PREFIX)
    .option('--concurrency <number>', 'how many may hold at once; 0: any number', integerFrom(0), 1)
    .option(
      '--ttl <seconds>',
      'how long the lock lasts without renewal (default: 30, or 1800)',
      integerFrom(1),
    )
    .option('--no-keep-alive', 'do not renew the lock')
    .addOption(
      new Option('--on-lost <what>', 'what to do to COMMAND when the lock is lost')
        .choices(ON_LOST)
        .default('term'),
    )
    .option('--kill-after <seconds>', 'from SIGTERM to SIGKILL (default: 5, or a fifth of the ttl)', seconds)
    .option('--wait <seconds>', 'how long to wait for the lock; 0 tries once', seconds, 1_800)
    .option('--owner <text>', 'who holds, for people (default: user@host [pid])')
    .option('--dry-run', 'say whether the lock could be taken now, and who holds it; run nothing')
    .option('--quiet', 'say nothing but what has gone wrong: not who is waited for or stands in the way')
    .addHelpText('after', HELP)
    .action(async (operands: string[], options: RunOptions) => {
      const names = namesIn(operands, argv)
      const [file, ...args] = operands.slice(names.length)
      if (names.length === 0) {
        throw new CliError(
          'the NAME of the lock is missing before --: spicelock run NAME -- COMMAND',
          EXIT.usage,
        )
      }
      if (!file) {
        throw new CliError('the command to run must follow --: spicelock run NAME -- COMMAND', EXIT.usage)
      }
      process.exitCode = await run(names, [file, ...args], options).catch((error: unknown) => {
        if (!options.quiet || !isSpicerackError(error) || error.code !== 'LOCK_UNAVAILABLE') throw error
        return EXIT.unavailable
      })
    })
}

/** The operands before the first `--`; all of them when there is none. */
function namesIn(operands: string[], argv: readonly string[]): string[] {
  for (let count = 0; count < operands.length; count++) {
    if (argv.at(count - operands.length - 1) === '--') return operands.slice(0, count)
  }
  return operands
}

async function run(
  names: readonly string[],
  command: [string, ...string[]],
  options: RunOptions,
): Promise<number> {
  const { prefix, owner = defaultOwner(), concurrency, wait, dryRun = false, quiet } = options
  const { keepAlive, onLost, ttl = keepAlive ? 30 : 1_800, killAfter = Math.min(5, ttl / 5) } = options
  if (killAfter >= ttl) throw new CliError(`--kill-after must be less than the ttl of ${ttl} s`, EXIT.usage)
  const connection = connectionOf(options)
  prefixesOf(connection, prefix)
  const lock = new Lock({ ...connection, prefix, owner, dryRun })
  const waitLine = new WaitLine({ columns: isatty(2) ? process.stderr.columns || 80 : undefined, write })
  const interruption = new Interruption('before the lock was held')
  const { signal } = interruption
  const ending = new Ending()
  const onWait = waitLine.show.bind(waitLine)
  try {
    const requests = names.map(name => ({ name, concurrency, ttl }))
    const terms = { wait, signal, keepAlive, expiring: killAfter, ...(!quiet && { onWait }) }
    const held = await interruption.bound(lock.acquireAll(requests, terms), GIVE_UP_MS)
    try {
      waitLine.clear()
      signal.throwIfAborted()
      // This process may have been stopped since it was granted.
      held.assertHeld()
      const all = locksNamed(prefix, names)
      if (dryRun) {
        if (!quiet) say(`dry run: ${all} could be taken now; the command was not run`)
        return EXIT.ok
      }
      return await runHeld(command, held, onLost, killAfter * 1000)
    } finally {
      if (!(await ending.within(held.release()))) say(notReleased(held, prefix, ttl))
    }
  } finally {
    waitLine.clear()
    await ending.within(lock.close())
    ending.close()
    interruption.close()
    // A call to an etcd that hangs would keep this process alive.
    setTimeout(() => process.exit(), LINGER_MS).unref()
  }
}

/** Resolves to the exit code. */
async function runHeld(
  command: readonly [string, ...string[]],
  held: HeldLocks,
  onLost: OnLost,
  killAfterMs: number,
): Promise<number> {
  // Both stand before the command does: it is never on its own.
  const watchdog = onLost === 'warn' ? undefined : new Watchdog(onLost === 'kill' ? 0 : killAfterMs)
  const suspension = new Suspension(held)
  try {
    const child = new Child(command, environmentOf(held))
    suspension.child = child
    if (child.target !== undefined) watchdog?.watch(child.target)
    const guard = new LossGuard(child, held, onLost, killAfterMs)
    const exitCode = await child.ended.finally(() => guard.close())
    return guard.isLost ? EXIT.lost : exitCode
  } finally {
    suspension.close()
    watchdog?.close()
  }
}

function notReleased({ names, id, owner }: HeldLocks, prefix: string, ttl: number): string {
  const all = locksNamed(prefix, names)
  const force = isOwnOwner(owner) ? '' : ' --force --reason TEXT'
  const commands = names.map(name => `spicelock release ${quoted(name)} ${id} --prefix ${prefix}${force}`)
  const end = names.length > 1 ? 'they end' : 'it ends'
  return `${all} could not be released: ${end} within ${ttl} s. To release before that: ${commands.join('; ')}`
}

function environmentOf({ names, id, fencingToken, deadline }: HeldLocks): Record<string, string> {
  return {
    SPICELOCK_NAME: names.join('\n'),
    SPICELOCK_ID: id,
    SPICELOCK_FENCING_TOKEN: String(fencingToken),
    SPICELOCK_DEADLINE: deadline.toISOString(),
  }
}
