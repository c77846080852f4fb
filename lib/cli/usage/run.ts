import { type Command, Option } from 'commander'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { EXIT_CODES_HELP } from '../io/exit-codes.js'
import { integerFrom, seconds } from './numbers.js'
import { type ConnectionOptions, withConnection } from './shared-options.js'

/**
 * What is done to COMMAND when its lock is lost: nothing but a message; SIGTERM, and SIGKILL before anybody else can
 * hold the lock; or SIGKILL at once.
 */
export const ON_LOST = ['warn', 'term', 'kill'] as const
export type OnLost = (typeof ON_LOST)[number]

export interface RunOptions extends ConnectionOptions {
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

export function declareRun(program: Command): Command {
  return withConnection(program.command('run'))
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
}
