import { isatty } from 'node:tty'
import type { HeldLocks } from '../../lock/api/index.js'
import { Lock } from '../../lock/api/lock.js'
import { isSpicerackError } from '../../model/errors.js'
import { connectionOf, prefixesOf } from '../io/connection.js'
import { defaultOwner, isOwnOwner } from '../io/default-owner.js'
import { CliError, EXIT } from '../io/exit-codes.js'
import { locksNamed, quoted, say, writeError } from '../io/output.js'
import { Child } from '../run/child.js'
import { Ending } from '../run/ending.js'
import { LossGuard } from '../run/on-lost.js'
import { Interruption } from '../run/signals.js'
import { Suspension } from '../run/suspension.js'
import { WaitLine } from '../run/wait-line.js'
import { Watchdog } from '../run/watchdog.js'
import type { OnLost, RunOptions } from '../usage/run.js'

/** How long the place in the queue may take to be given up after a signal; its lease ends within seconds anyway. */
const GIVE_UP_MS = 2_000

interface Task {
  readonly names: readonly string[]
  readonly command: readonly [file: string, ...args: string[]]
  readonly prefix: string
  readonly ttl: number
  readonly keepAlive: boolean
  readonly onLost: OnLost
  readonly killAfter: number
  readonly quiet: boolean
  readonly dryRun: boolean
}

/**
 * Resolves to the exit code.
 * @param argv the whole command line, which alone tells where `--` was.
 */
export async function run(
  argv: readonly string[],
  operands: readonly string[],
  options: RunOptions,
): Promise<number> {
  const task = taskOf(argv, operands, options)
  try {
    return await acquireAndRun(task, options)
  } catch (error) {
    if (task.quiet && isSpicerackError(error) && error.code === 'LOCK_UNAVAILABLE') return EXIT.unavailable
    throw error
  }
}

/** @throws CliError when the command line does not say what to lock or what to run. */
function taskOf(argv: readonly string[], operands: readonly string[], options: RunOptions): Task {
  const names = namesIn(operands, argv)
  const [file, ...args] = operands.slice(names.length)
  if (names.length === 0) {
    throw new CliError('the NAME of the lock is missing before --: spicelock run NAME -- COMMAND', EXIT.usage)
  }
  if (!file) {
    throw new CliError('the command to run must follow --: spicelock run NAME -- COMMAND', EXIT.usage)
  }
  const { prefix, keepAlive, onLost, dryRun = false, quiet = false } = options
  const { ttl = keepAlive ? 30 : 1_800, killAfter = Math.min(5, ttl / 5) } = options
  if (killAfter >= ttl) throw new CliError(`--kill-after must be less than the ttl of ${ttl} s`, EXIT.usage)
  return { names, command: [file, ...args], prefix, ttl, keepAlive, onLost, killAfter, dryRun, quiet }
}

/** The operands before the first `--`; all of them when there is none. */
function namesIn(operands: readonly string[], argv: readonly string[]): readonly string[] {
  for (let count = 0; count < operands.length; count++) {
    if (argv.at(count - operands.length - 1) === '--') return operands.slice(0, count)
  }
  return operands
}

async function acquireAndRun(task: Task, options: RunOptions): Promise<number> {
  const { names, prefix, ttl, keepAlive, killAfter, dryRun, quiet } = task
  const { owner = defaultOwner(), concurrency, wait } = options
  const connection = connectionOf(options)
  prefixesOf(connection, prefix)
  const lock = new Lock({ ...connection, prefix, owner, dryRun })
  const waitLine = new WaitLine({
    columns: isatty(2) ? process.stderr.columns || 80 : undefined,
    write: writeError,
  })
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
      // This process may have been stopped since the lock was granted.
      held.assertHeld()
      return await runHeld(task, held)
    } finally {
      if (!(await ending.within(held.release()))) say(notReleased(held, task))
    }
  } finally {
    waitLine.clear()
    await ending.within(lock.close())
    ending.close()
    interruption.close()
  }
}

/** Resolves to the exit code. */
async function runHeld(task: Task, held: HeldLocks): Promise<number> {
  const { command, onLost, killAfter, names, prefix, dryRun, quiet } = task
  if (dryRun) {
    if (!quiet) say(`dry run: ${locksNamed(prefix, names)} could be taken now; the command was not run`)
    return EXIT.ok
  }
  const killAfterMs = killAfter * 1000
  // Both are ready before the command starts: it never runs unguarded.
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

function notReleased({ names, id, owner }: HeldLocks, { prefix, ttl }: Task): string {
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
