import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findEtcd } from '../../lib/testing/etcd-binary/find-etcd.js'
import { etcdEnvironment } from '../../lib/testing/etcd-environment.js'
import { EtcdWatchdog } from '../../lib/testing/etcd-watchdog.js'

/** An etcd with flags of our own, which ends with this process at the latest. */
export class EtcdProcess {
  private constructor(
    private readonly watchdog: EtcdWatchdog,
    private readonly dataDir: string,
    private readonly flags: readonly string[],
  ) {}

  /** Resolves when it runs, which may be before it serves. Its data are in a folder of their own within `parent`. */
  static async start(flags: readonly string[], parent = tmpdir()): Promise<EtcdProcess> {
    const dataDir = await mkdtemp(join(parent, 'spicelock-spec-etcd-'))
    const { path } = await findEtcd(line => process.stderr.write(`${line}\n`))
    const watchdog = new EtcdWatchdog(path, dataDir, etcdEnvironment())
    const etcd = new EtcdProcess(watchdog, dataDir, [...flags, `--data-dir=${dataDir}`, '--logger=zap'])
    await etcd.restart()
    return etcd
  }

  /** Of etcd itself, while it runs. */
  get pid(): number | undefined {
    return this.watchdog.pid
  }

  /** SIGKILL, as in a crash; the data stay. */
  async kill(): Promise<void> {
    this.watchdog.signal('SIGKILL')
    await this.watchdog.ended()
  }

  /** What it has stored is lost, while it does not run. */
  async wipe(): Promise<void> {
    await rm(join(this.dataDir, 'member'), { recursive: true })
  }

  /** SIGSTOP: it hears and says nothing, and falls behind the other members. */
  pause(): void {
    this.watchdog.signal('SIGSTOP')
  }

  resume(): void {
    this.watchdog.signal('SIGCONT')
  }

  restart(): Promise<void> {
    return this.watchdog.start(this.flags)
  }

  async stop(): Promise<void> {
    await this.kill()
    await this.watchdog.close()
  }
}
