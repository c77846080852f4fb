import { spawn, type ChildProcess } from 'node:child_process'
import { LockError } from '../model/errors.js'

/**
 * Runs etcd as its child and reports on it. When the process at the other end of its channel is gone, however it ended,
 * it kills etcd and removes the directory. Plain source, since it must run alike from `.ts` and from `.js`.
 */
const SOURCE = `
  const { spawn } = require('node:child_process')
  const { rmSync } = require('node:fs')
  const [binary, directory] = process.argv.slice(1)
  const report = message => process.send(message, () => {})
  let etcd

  process.on('message', args => {
    etcd = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [etcd.stdout, etcd.stderr]) stream.setEncoding('utf8').on('data', log => report({ log }))
    etcd.on('spawn', () => report({ pid: etcd.pid }))
    etcd.on('error', error => report({ log: error.message }))
    etcd.on('close', (code, signal) => {
      etcd = undefined
      if (process.connected) report({ exit: signal ?? 'code ' + code })
      else clean()
    })
  })
  process.on('disconnect', () => (etcd ? etcd.kill('SIGKILL') : clean()))

  function clean() {
    if (directory) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    process.exit()
  }
`

interface Report {
  readonly pid?: number
  readonly log?: string
  readonly exit?: string
}

const LOG_CHARACTERS = 65_536
const REACTION_MS = 10_000

/** A process beside this one that owns etcd and its data, and cleans up after this one. */
export class EtcdWatchdog {
  /** The end of what etcd has printed. */
  log = ''
  /** Of etcd, while it runs. */
  pid: number | undefined
  /** How the last run of etcd ended; undefined while it runs. */
  exit: string | undefined = 'never started'
  /** Whether the last run has begun. Its end may be reported before anybody has looked at its pid. */
  #hasBegun = false
  readonly #process: ChildProcess
  readonly #waiting = new Set<() => void>()

  /** `directory` is removed at the end, when one is given. */
  constructor(binary: string, directory: string | undefined, env: Record<string, string>) {
    // Detached: a Ctrl-C in the terminal must not end it before it has cleaned up.
    const child = spawn(process.execPath, ['-e', SOURCE, binary, directory ?? ''], {
      detached: true,
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    child.on('message', report => this.#note(report as Report))
    child.on('exit', () => this.#note({ exit: 'its watchdog ended' }))
    child.on('error', error => this.#note({ exit: `its watchdog failed: ${error.message}` }))
    child.unref()
    child.channel?.unref()
    this.#process = child
  }

  /** Runs etcd. Throws LockError when it does not even start. */
  async start(args: readonly string[]): Promise<void> {
    this.log = ''
    this.exit = undefined
    this.#hasBegun = false
    this.#process.send(args)
    await this.#until(() => this.#hasBegun || this.exit !== undefined, REACTION_MS)
    if (!this.#hasBegun) throw new LockError(`etcd could not be started: ${this.log || this.exit}`)
  }

  /** Sends etcd a signal, unless it has ended. */
  signal(name: NodeJS.Signals): void {
    try {
      if (this.pid !== undefined) process.kill(this.pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  /** Resolves with true when etcd has ended, with false when `timeoutMs` have passed before. */
  ended(timeoutMs = REACTION_MS): Promise<boolean> {
    return this.#until(() => this.exit !== undefined, timeoutMs)
  }

  /** Kills etcd if it runs, and removes the directory. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await this.#until(() => this.#process.exitCode !== null || this.#process.signalCode !== null, REACTION_MS)
  }

  #note({ pid = this.pid, log = '', exit = this.exit }: Report): void {
    this.#hasBegun ||= pid !== undefined
    this.pid = exit === undefined ? pid : undefined
    this.exit = exit
    this.log = (this.log + log).slice(-LOG_CHARACTERS)
    for (const check of this.#waiting) check()
  }

  /** The timer keeps this process alive for as long as a caller waits; the watchdog by itself does not. */
  #until(met: () => boolean, timeoutMs: number): Promise<boolean> {
    return new Promise(resolve => {
      const finish = (inTime: boolean) => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve(inTime)
      }
      const check = () => met() && finish(true)
      const timer = setTimeout(() => finish(false), timeoutMs)
      this.#waiting.add(check)
      check()
    })
  }
}
