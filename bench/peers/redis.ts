import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type { Peer, PeerClient, Stores } from './peer.js'

type Sync = 'none' | 'always'

interface Redis {
  disconnect(): void
}
type NewRedis = new (port: number, host: string) => Redis
interface Acquirable {
  acquire(): Promise<void>
  release(): Promise<void>
}
type NewMutex = new (redis: Redis, name: string, options: object) => Acquirable
type NewSemaphore = new (redis: Redis, name: string, limit: number, options: object) => Acquirable
type NewRedlock = new (
  clients: Redis[],
  options: object,
) => { acquire(names: string[], ms: number): Promise<{ release(): Promise<unknown> }> }

const TTL_MS = 60_000
/** Both wait by trying again. Their defaults are 10 ms and 200 ms; the same for both makes them comparable. */
const RETRY_MS = 10
const FOREVER = 2 ** 31 - 1

const OPTIONS = {
  lockTimeout: TTL_MS,
  acquireTimeout: FOREVER,
  retryInterval: RETRY_MS,
  refreshInterval: 0,
}

/** redis-semaphore's Mutex on one Redis. */
export const redisSemaphore = (sync: Sync): Peer =>
  peer(`redis-semaphore (${syncName(sync)})`, sync, redis => {
    const { Mutex } = required<{ Mutex: NewMutex }>('redis-semaphore')
    return takes(name => new Mutex(redis, name, OPTIONS))
  })

/** redis-semaphore's Semaphore, for so many holders, on one Redis. */
export const redisSemaphoreOf = (limit: number, sync: Sync): Peer =>
  peer(`redis-semaphore, semaphore (${syncName(sync)})`, sync, redis => {
    const { Semaphore } = required<{ Semaphore: NewSemaphore }>('redis-semaphore')
    return { ...takes(name => new Semaphore(redis, name, limit, OPTIONS)), limit }
  })

function takes(made: (name: string) => Acquirable): PeerClient {
  return {
    async acquire([name]) {
      const lock = made(name!)
      await lock.acquire()
      return () => lock.release()
    },
  }
}

/** redlock on one Redis, which is no Redlock, but its cheapest use. */
export const redlock = (sync: Sync): Peer =>
  peer(`redlock (${syncName(sync)})`, sync, redis => {
    const { default: Redlock } = required<{ default: NewRedlock }>('redlock')
    const lock = new Redlock([redis], { retryCount: -1, retryDelay: RETRY_MS, retryJitter: RETRY_MS / 2 })
    return {
      async acquire([name]) {
        const held = await lock.acquire([`redlock:${name}`], TTL_MS)
        return async () => void (await held.release())
      },
    }
  })

function peer(name: string, sync: Sync, client: (redis: Redis) => PeerClient): Peer {
  return {
    name,
    open(stores: Stores) {
      const { default: Client } = required<{ default: NewRedis }>('ioredis')
      const [host, port] = stores.redis![sync].split(':')
      const redis = new Client(Number(port), host!)
      return Promise.resolve({
        client: () => Promise.resolve(client(redis)),
        close: () => Promise.resolve(redis.disconnect()),
      })
    },
  }
}

const syncName = (sync: Sync): string => (sync === 'always' ? 'synced to disk' : 'in memory')

/** A package of bench/package.json, which is not installed with those of this one. */
function required<T>(name: string): T {
  return createRequire(resolve('bench/package.json'))(name) as T
}
