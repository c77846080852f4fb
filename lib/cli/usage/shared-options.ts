import type { Command } from 'commander'
import { CliError, EXIT } from '../io/exit-codes.js'

/** What every command takes to find etcd and to say what it does. */
export interface ConnectionOptions {
  readonly config?: string
  readonly endpoints?: string
  readonly allowPrefix?: readonly string[]
  readonly verbose?: true
  /** Of those commands that have it. */
  readonly quiet?: true
}

export const CONNECTION_HELP = `These options may stand before the command or behind it, where they count for more.

Where etcd is:
  The first of these that is given names the endpoints:
  --endpoints, --config, SPICELOCK_ENDPOINTS, SPICELOCK_CONFIG; else http://127.0.0.1:2379.
  Certificates, user and timeout are those of --config or else SPICELOCK_CONFIG, whatever names
  the endpoints. ~/.etcdrc is merged over the file. SPICELOCK_LOG=LEVEL logs as --verbose does.`

export function withConnection(command: Command): Command {
  return command
    .option('--config <file>', 'YAML file that says how to reach etcd')
    .option('--endpoints <urls>', 'URLs of etcd, comma separated')
    .option('--allow-prefix <prefix>', 'one more prefix that may be used (repeatable)', append)
    .option('--verbose', 'log to stderr what is done')
}

/** The options that commands share are options of the program, too: `spicelock --endpoints URL ls`. */
export function withSharedOptions(program: Command): Command {
  return withConnection(program)
    .option('--prefix <prefix>', 'of the locks')
    .option('--json', 'as JSON: ls, show, release, watch')
    .hook('preAction', (_, command) => handDown(program, command))
}

/** What stands behind the command counts for more; what may be given repeatedly adds up. */
function handDown(program: Command, command: Command): void {
  for (const [name, value] of Object.entries(program.opts())) {
    if (!command.options.some(option => option.attributeName() === name)) {
      throw new CliError(`${command.name()} has no option --${name}`, EXIT.usage)
    }
    const own: unknown = command.getOptionValue(name)
    const isGiven = command.getOptionValueSource(name) === 'cli'
    const both = Array.isArray(own) ? [...(value as unknown[]), ...(own as unknown[])] : own
    command.setOptionValueWithSource(name, isGiven ? both : value, 'cli')
  }
}

function append(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}
