import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'

/**
 * Its stdin says what to watch, and ends when the process that started it is gone, however that ended. It then ends the
 * command; $1 tenths of a second pass between SIGTERM and SIGKILL. Signals that are meant for all processes of a session
 * or a service do not end it before that.
 */
const SCRIPT = `
  trap '' HUP INT QUIT TERM
  read -r target || exit
  read -r line && exit
  tenths=$1
  if [ "$tenths" -gt 0 ]; then kill -s TERM -- "$target"; kill -s CONT -- "$target"; fi
  while [ "$tenths" -gt 0 ] && kill -s 0 -- "$target"; do sleep 0.1; tenths=$((tenths - 1)); done
  kill -s KILL -- "$target"
`

/**
 * A process beside this one that ends a command when this process dies of what it cannot catch, such as SIGKILL: without
 * it the command would go on, and the lock would not. Needs a shell; without one the command is not watched.
 */
export class Watchdog {
  private readonly process: ChildProcess

  /** @param killAfterMs from SIGTERM to SIGKILL; 0 kills at once. */
  constructor(killAfterMs: number) {
    const args = ['-c', SCRIPT, 'watchdog', String(Math.ceil(killAfterMs / 100))]
    // In a session of its own: what kills this process and its group, or comes from its terminal, does not reach it.
    const options: SpawnOptions = { detached: true, cwd: '/', stdio: ['pipe', 'ignore', 'ignore'] }
    this.process = spawn('/bin/sh', args, options)
    this.process.on('error', () => {})
    this.process.stdin?.on('error', () => {})
    this.process.unref()
  }

  /** @param target a process id, or that of a group, negated. */
  watch(target: number): void {
    this.process.stdin?.write(`${target}\n`)
  }

  /** The command has ended. */
  close(): void {
    this.process.kill('SIGKILL')
  }
}
