import { randomUUID } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { LockError } from '../model/errors.js'
import type { EtcdBinary } from './etcd-binary/etcd-binary.js'
import { findEtcd } from './etcd-binary/find-etcd.js'
import type { Progress } from './etcd-binary/source.js'
import { etcdEnvironment } from './etcd-environment.js'
import { freePorts } from './free-port.js'
import { servingMember } from './gateway.js'
import { EtcdWatchdog } from './etcd-watchdog.js'
import { stopped } from './stopped.js'

export interface EtcdServerOptions {
  /** Further flags of etcd, for example `['--quota-backend-bytes', '16777216']`. */
  readonly args?: readonly string[]
  /** Further environment variables for etcd. Those of this process named `ETCD_*` do not reach it. */
  readonly env?: Readonly<Record<string, string>>
  /** Told what is done while etcd is fetched; default: a line on stderr. */
  readonly progress?: Progress
  /** An existing directory of your own, kept by `stop`. Default: a temporary one, removed by `stop`. */
  readonly dataDir?: string
  /** How long a start may take until etcd serves, milliseconds; default 20000. */
  readonly startTimeoutMs?: number
}

const STOP_MS = 5000
const POLL_MS = 20

/**
 * A real etcd for tests: private to this process, on free ports of 127.0.0.1. It ends, and its data go, with this
 * process at the latest, even when that is killed. etcd is found or fetched, see {@link findEtcd}.
 */
export class EtcdServer implements AsyncDisposable {
  /** Of this etcd alone; proves that the one that answers is ours. */
  readonly #name = `spicelock-${randomUUID()}`
  readonly #binary: EtcdBinary
  readonly #options: EtcdServerOptions
  readonly #watchdog: EtcdWatchdog
  #ports: readonly number[] = []
  #stopped: Promise<void> | undefined

  private constructor(
    binary: EtcdBinary,
    /** Where etcd keeps its data. */
    readonly dataDir: string,
    options: EtcdServerOptions,
  ) {
    this.#binary = binary
    this.#options = options
    const disposable = options.dataDir === undefined ? dataDir : undefined
    this.#watchdog = new EtcdWatchdog(binary.path, disposable, etcdEnvironment(options.env))
  }

  /** Resolves when etcd serves. Throws LockError when there is no etcd, or with the end of its log when it fails. */
  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const binary = await findEtcd(options.progress ?? (line => process.stderr.write(`spicelock: ${line}\n`)))
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'spicelock-etcd-')))
    const server = new EtcdServer(binary, dataDir, options)
    try {
      await server.#launch(() => freePorts(2))
      return server
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  /** For clients, for example `http://127.0.0.1:43211`; stays the same when etcd is restarted. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#ports[0]}`
  }

  get endpoints(): string[] {
    return [this.endpoint]
  }

  /** Of etcd itself; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#watchdog.pid
  }

  /** Of the etcd binary, for example `3.5.21`. */
  get version(): string {
    return this.#binary.version
  }

  /** The end of what etcd has printed since it was last started, at most 64 Ki characters. */
  get log(): string {
    return this.#watchdog.log
  }

  /** SIGSTOP: etcd hangs, and its connections stay open. Resolves when it has stopped. */
  async pause(): Promise<void> {
    const { pid } = this.#watchdog
    this.#watchdog.signal('SIGSTOP')
    if (pid !== undefined) await stopped(pid)
  }

  /** SIGCONT: etcd goes on after `pause`. */
  resume(): Promise<void> {
    this.#watchdog.signal('SIGCONT')
    return Promise.resolve()
  }

  /** SIGKILL: etcd dies as in a crash. Its data stay, and `restart` brings it back. */
  async kill(): Promise<void> {
    this.#watchdog.signal('SIGKILL')
    await this.#watchdog.ended()
  }

  /** Starts etcd again on the same ports and data, after ending it if it runs. Resolves when it serves. */
  async restart(): Promise<void> {
    if (this.#stopped) throw new LockError('this EtcdServer was stopped: start a new one')
    await this.#terminate()
    await this.#launch(() => Promise.resolve(this.#ports))
  }

  /** Ends etcd (SIGTERM, after 5 s SIGKILL) and removes its data, unless `dataDir` was given. May be repeated. */
  stop(): Promise<void> {
    this.#stopped ??= this.#terminate().then(() => this.#watchdog.close())
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #terminate(): Promise<void> {
    this.#watchdog.signal('SIGTERM')
    this.#watchdog.signal('SIGCONT')
    if (!(await this.#watchdog.ended(STOP_MS))) await this.kill()
  }

  /** A port that was free may be taken by the time that etcd binds it: it is then started again, on the next ports. */
  async #launch(nextPorts: () => Promise<readonly number[]>): Promise<void> {
    const deadline = performance.now() + (this.#options.startTimeoutMs ?? 20_000)
    for (;;) {
      this.#ports = await nextPorts()
      await this.#watchdog.start(this.#args())
      const trouble = await this.#served(deadline)
      if (trouble === undefined) return
      if (!this.log.includes('address already in use') || performance.now() > deadline) {
        throw new LockError(`etcd ${this.version} ${trouble}. Its log ends with:\n${lastLines(this.log)}`)
      }
      await delay(POLL_MS)
    }
  }

  /** Waits until our own etcd serves; otherwise says what happened instead. */
  async #served(deadline: number): Promise<string | undefined> {
    let answer = 'nothing answers'
    while (performance.now() < deadline) {
      if (this.#watchdog.exit !== undefined) return `ended before it served (${this.#watchdog.exit})`
      try {
        const name = await servingMember(this.endpoint)
        if (name === this.#name) return undefined
        answer = `a member '${name}' answers, expected '${this.#name}'`
      } catch (error) {
        const { cause, message } = error as Error & { cause?: Error }
        answer = cause?.message ?? message
      }
      await delay(POLL_MS)
    }
    return `did not serve on ${this.endpoint} in time (${answer})`
  }

  #args(): string[] {
    const peer = `http://127.0.0.1:${this.#ports[1]}`
    const flags = {
      name: this.#name,
      'data-dir': this.dataDir,
      'listen-client-urls': this.endpoint,
      'advertise-client-urls': this.endpoint,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `${this.#name}=${peer}`,
      'initial-cluster-token': this.#name,
      logger: 'zap',
    }
    return [
      ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      ...(this.#options.args ?? []),
    ]
  }
}

function lastLines(log: string): string {
  return log.trimEnd().split('\n').slice(-25).join('\n')
}
