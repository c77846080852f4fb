import { type ChildProcess, spawn } from 'node:child_process'
import { isatty } from 'node:tty'
import { CliError, EXIT } from '../io/exit-codes.js'
import { say } from '../io/output.js'
import { isGroupAlive } from './process-group.js'
import { exitCodeOfSignal, onSignal } from './signals.js'

/** A terminal sends these to all processes in its foreground: the child has them already. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGTSTP']

/** A command on the stdin, stdout and stderr of this process, which passes its signals on to it. */
export class Child {
  /** Its exit code, as in a shell. Rejects with a CliError when the command cannot be started. */
  readonly ended: Promise<number>
  private readonly process: ChildProcess
  /** Whether it leads a process group of its own. One that reads from a terminal must stay in ours. */
  private readonly isLeader = !isatty(0)

  constructor([command, ...args]: readonly [string, ...string[]], env: Readonly<Record<string, string>>) {
    const options = { stdio: 'inherit', detached: this.isLeader, env: { ...process.env, ...env } } as const
    const child = (this.process = spawn(command, args, options))
    const stopForwarding = onSignal(signal => {
      this.forward(signal)
    })
    this.ended = new Promise<number>((resolve, reject) => {
      child.on('error', error => {
        if (child.pid === undefined) reject(failure(command, error))
        else say(error.message)
      })
      child.on('exit', (code, signal) => resolve(code ?? exitCodeOfSignal(signal!)))
    }).finally(stopForwarding)
  }

  /** What signals are sent to: its group or itself. Undefined when it could not be started. */
  get target(): number | undefined {
    const { pid } = this.process
    return pid !== undefined && this.isLeader ? -pid : pid
  }

  /** Whether it runs, or anything that it has started, as far as that is in its group. */
  get isAlive(): boolean {
    const { pid } = this.process
    if (pid === undefined) return false
    return this.isLeader ? isGroupAlive(pid) : !this.hasEnded
  }

  /** Passes on a signal that has come to this process. */
  forward(signal: NodeJS.Signals): void {
    if (this.isLeader || !FROM_TERMINAL.includes(signal)) this.signal(signal)
  }

  /** Sends a signal to it and to the processes that it has started, if they are in its group. */
  signal(signal: NodeJS.Signals): void {
    if (this.target === undefined || (this.hasEnded && !this.isLeader)) return
    try {
      process.kill(this.target, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') say((error as Error).message)
    }
  }

  private get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }
}

function failure(command: string, error: NodeJS.ErrnoException): CliError {
  const [exitCode, problem] =
    error.code === 'ENOENT'
      ? [EXIT.notFound, 'command not found']
      : [EXIT.notExecutable, `cannot be executed (${error.code ?? error.message})`]
  return new CliError(`${command}: ${problem}`, exitCode, { cause: error })
}
