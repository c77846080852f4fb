import { spawn } from 'node:child_process'
import { isatty } from 'node:tty'
import { CliError, EXIT } from './exit-codes.js'
import { say } from './output.js'
import { exitCodeOfSignal, onSignal } from './signals.js'

/** These a terminal sends to all that run in its foreground: the child has them already. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']

/**
 * Runs a command on our stdin, stdout and stderr, passes on the signals that come, and resolves to its exit
 * code as a shell tells it.
 * @throws CliError when the command cannot be started.
 */
export async function runChild([command, ...args]: readonly [string, ...string[]]): Promise<number> {
  const hasTerminal = [0, 1, 2].some(isatty)
  let stopForwarding = (): void => {}
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(command, args, { stdio: 'inherit' })
      stopForwarding = onSignal(signal => {
        if (!(hasTerminal && FROM_TERMINAL.includes(signal))) child.kill(signal)
      })
      child.on('error', error => {
        if (child.pid === undefined) reject(error)
        else say(error.message)
      })
      child.on('exit', (code, signal) => resolve(code ?? exitCodeOfSignal(signal!)))
    })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const [exitCode, problem] =
      code === 'ENOENT'
        ? [EXIT.notFound, 'command not found']
        : [EXIT.notExecutable, `cannot be executed (${code ?? message})`]
    throw new CliError(`${command}: ${problem}`, exitCode, { cause: error })
  } finally {
    stopForwarding()
  }
}
