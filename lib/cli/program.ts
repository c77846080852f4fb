import { Command, CommanderError } from 'commander'
import { VERSION } from '../model/version.js'
import { isSpicerackError } from '../model/errors.js'
import { CONNECTION_HELP, withSharedOptions } from './io/connection.js'
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from './io/exit-codes.js'
import { addLs } from './commands/ls.js'
import { printJson, say, write } from './io/output.js'
import { addRelease } from './commands/release.js'
import { addRun } from './run/run.js'
import { addServe } from './commands/serve.js'
import { addShow } from './commands/show.js'
import { addWatch } from './commands/watch.js'

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

/** Does what a command line says, and resolves to the exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  process.stdout.on('error', onOutputError)
  try {
    await program(argv).parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? EXIT.ok)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    return fail(error, argv)
  }
}

function program(argv: readonly string[]): Command {
  const command = withSharedOptions(new Command('spicelock'))
    .description('Distributed locks on etcd.')
    .version(VERSION)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: write })
    .addHelpText('after', HELP)
  addRun(command, argv)
  addLs(command)
  addShow(command)
  addRelease(command)
  addWatch(command)
  addServe(command)
  return command
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

/** Undefined when the help was shown instead. */
function messageOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return String(error)
  if (!(error instanceof CommanderError)) return error.message
  return error.code === 'commander.help' ? undefined : error.message.replace(/^error: /, '')
}

/** Also when the command line is wrong otherwise. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}

/** It may come when the command is through with all else. */
function onOutputError(error: NodeJS.ErrnoException): void {
  // The reader, `head` perhaps, has seen enough.
  if (error.code === 'EPIPE') return
  say(`stdout cannot be written: ${error.message}`)
  process.once('exit', () => (process.exitCode = EXIT.output))
}
