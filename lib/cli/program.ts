import { Command, CommanderError } from 'commander'
import { isSpicerackError } from '../model/errors.js'
import { VERSION } from '../model/version.js'
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from './io/exit-codes.js'
import { printJson, say, writeError, writeOutput } from './io/output.js'
import { declareLs } from './usage/ls.js'
import { declareRelease } from './usage/release.js'
import { declareRun, type RunOptions } from './usage/run.js'
import { declareServe } from './usage/serve.js'
import { CONNECTION_HELP, withSharedOptions } from './usage/shared-options.js'
import { declareShow } from './usage/show.js'
import { declareWatch } from './usage/watch.js'

const HELP = `
Examples:
  $ spicelock run deploy -- make deploy
  $ spicelock run backup --concurrency 2 --wait 60 -- ./backup.sh --full
  $ spicelock ls --json
  $ spicelock show deploy
  $ spicelock watch deploy
  $ spicelock release deploy 0b6b8a4e-5d2f-4a53-a3c7-3a8f4c8f0a1e

${CONNECTION_HELP}

${EXIT_CODES_HELP}`

const HELP_WORDS = ['help', '--help', '-h']

/**
 * Does what a command line says, and resolves to the exit code.
 * @param leave is called at the end of `run`, when calls to an etcd that hangs may still be under way.
 */
export async function runProgram(argv: readonly string[], leave: () => void = () => {}): Promise<number> {
  let exitCode: number = EXIT.ok
  try {
    await declareProgram(argv, leave, code => (exitCode = code)).parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    return fail(error, argv)
  }
}

/** Loads a command when it is called: help and version need none of them. */
type Load<A extends unknown[]> = () => Promise<(...operands: A) => Promise<number>>

function declareProgram(
  argv: readonly string[],
  leave: () => void,
  end: (exitCode: number) => void,
): Command {
  const program = withSharedOptions(new Command('spicelock'))
    .description('Distributed locks on etcd.')
    .version(VERSION)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: writeError, writeOut: writeOutput })
    .addHelpText('after', HELP)
  program.on('beforeHelp', () => refuseUnknownCommand(program))
  const call =
    <A extends unknown[]>(load: Load<A>) =>
    async (...operands: A): Promise<void> =>
      end(await (await load())(...operands))
  const run = call(async () => (await import('./commands/run.js')).run.bind(undefined, argv))
  declareRun(program).action((names: readonly string[], options: RunOptions) =>
    run(names, options).finally(leave),
  )
  declareLs(program).action(call(async () => (await import('./commands/ls.js')).ls))
  declareShow(program).action(call(async () => (await import('./commands/show.js')).show))
  declareRelease(program).action(call(async () => (await import('./commands/release.js')).release))
  declareWatch(program).action(call(async () => (await import('./commands/watch.js')).watch))
  declareServe(program).action(call(async () => (await import('./commands/serve.js')).serve))
  return program
}

/** The help of the program is no answer to who asks for that of a command that does not exist. @throws CommanderError */
function refuseUnknownCommand(program: Command): void {
  const name = program.args.find(word => !HELP_WORDS.includes(word))
  if (name === undefined || name.startsWith('-') || program.commands.some(each => each.name() === name))
    return
  program.parse([name], { from: 'user' })
}

function fail(error: unknown, argv: readonly string[]): number {
  const exitCode = exitCodeOf(error)
  const message = messageOf(error)
  if (message !== undefined) say(message)
  if (wantsJson(argv)) {
    const [code, key] = isSpicerackError(error)
      ? [error.code, error.key]
      : [exitCode === EXIT.usage ? 'USAGE' : 'UNEXPECTED', undefined]
    printJson({ error: { code, message, key } })
  }
  return exitCode
}

/** The message of an error; undefined when the help was shown instead. */
function messageOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return String(error)
  if (!(error instanceof CommanderError)) return error.message
  return error.code === 'commander.help' ? undefined : error.message.replace(/^error: /, '')
}

/** Whether JSON is asked for, even if the command line is wrong otherwise. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}
