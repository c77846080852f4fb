import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Stores } from '../peers/peer.js'
import { cpuMsOf } from './cpu.js'
import { compact } from './compact.js'
import { etcdOf, type Etcds, separateEtcds } from './etcds.js'
import { RedisServer, type RedisSync } from './redis-server.js'

/** Not in /tmp, which is memory on some machines: a commit is to reach a disk. */
const FOLDER = resolve('bench/data')

export interface BackendNeeds {
  /** Of the one etcd, or of each. */
  readonly members?: number
  /** How many etcds there are that know nothing of each other; 1 when it is not given. Only for those of one member. */
  readonly etcds?: number
  readonly redis?: boolean
}

/** The servers that all peers of a run share, with their data on the disk of this checkout. */
export class Backends implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly etcds: Etcds,
    /** By how they sync; none where there is no Redis. */
    private readonly redis: ReadonlyMap<RedisSync, RedisServer>,
  ) {}

  static async start({ members = 1, etcds = 1, redis = false }: BackendNeeds = {}): Promise<Backends> {
    await mkdir(FOLDER, { recursive: true })
    const folder = await mkdtemp(join(FOLDER, 'run-'))
    const started = members === 1 ? await separateEtcds(etcds, folder) : await etcdOf(members, folder)
    const servers = new Map<RedisSync, RedisServer>()
    const backends = new Backends(folder, started, servers)
    try {
      for (const sync of redis ? (['none', 'always'] as const) : []) {
        const dir = join(folder, sync)
        await mkdir(dir)
        const server = await RedisServer.start(sync, dir)
        if (server) servers.set(sync, server)
      }
      return backends
    } catch (error) {
      await backends[Symbol.asyncDispose]()
      throw error
    }
  }

  /** What the process of this number among those of a peer uses. */
  storesOf(process: number): Stores {
    const { endpoints } = this.etcds
    const [none, always] = [this.redis.get('none'), this.redis.get('always')]
    const redis = none && always && { none: none.address, always: always.address }
    return { etcd: endpoints[process % endpoints.length]!, ...(redis && { redis }) }
  }

  /** Of all members of all etcds. */
  get endpoints(): readonly string[] {
    return this.etcds.endpoints
  }

  get hasRedis(): boolean {
    return this.redis.size > 0
  }

  /** Milliseconds of CPU of all servers of a kind so far. */
  async cpuMs(): Promise<{ readonly etcd: number; readonly redis: number }> {
    const redis = [...this.redis.values()].map(({ pid }) => pid)
    const [etcdMs, redisMs] = await Promise.all([sumOf(this.etcds.pids), sumOf(redis)])
    return { etcd: etcdMs, redis: redisMs }
  }

  /** Lets the etcds forget what was deleted or replaced, so that each load finds them as the first one did. */
  async forget(): Promise<void> {
    for (const endpoint of this.endpoints) await compact(endpoint)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.etcds.stop()
    for (const redis of this.redis.values()) await redis[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function sumOf(pids: readonly (number | undefined)[]): Promise<number> {
  const each = await Promise.all(pids.map(cpuMsOf))
  return each.reduce((sum, ms) => sum + ms, 0)
}
