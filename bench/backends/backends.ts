import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import type { Stores } from '../peers/peer.js'
import { cpuMsOf } from './cpu.js'
import { RedisServer, type RedisSync } from './redis-server.js'

/** Not in /tmp, which is memory on some machines: a commit is to reach a disk. */
const FOLDER = resolve('bench/data')

/** The servers that all peers of a run share, with their data on the disk of this checkout. */
export class Backends implements AsyncDisposable {
  /** By how they sync; none where there is no Redis. */
  private readonly redis = new Map<RedisSync, RedisServer>()

  private constructor(
    private readonly folder: string,
    private readonly etcd: EtcdServer,
  ) {}

  static async start(): Promise<Backends> {
    await mkdir(FOLDER, { recursive: true })
    const folder = await mkdtemp(join(FOLDER, 'run-'))
    const dirs = Object.fromEntries(['etcd', 'none', 'always'].map(name => [name, join(folder, name)]))
    for (const dir of Object.values(dirs)) await mkdir(dir)
    const etcd = await EtcdServer.start({ dataDir: dirs['etcd']! })
    const backends = new Backends(folder, etcd)
    try {
      for (const sync of ['none', 'always'] as const) {
        const redis = await RedisServer.start(sync, dirs[sync]!)
        if (redis) backends.redis.set(sync, redis)
      }
      return backends
    } catch (error) {
      await backends[Symbol.asyncDispose]()
      throw error
    }
  }

  get stores(): Stores {
    const [none, always] = [this.redis.get('none'), this.redis.get('always')]
    const redis = none && always && { none: none.address, always: always.address }
    return { etcd: this.etcd.endpoint, ...(redis && { redis }) }
  }

  get etcdVersion(): string {
    return this.etcd.version
  }

  /** Milliseconds of CPU of all servers so far. */
  async cpuMs(): Promise<number> {
    const pids = [this.etcd.pid, ...[...this.redis.values()].map(({ pid }) => pid)]
    const each = await Promise.all(pids.map(cpuMsOf))
    return each.reduce((sum, ms) => sum + ms, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.etcd.stop()
    for (const redis of this.redis.values()) await redis[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }
}
