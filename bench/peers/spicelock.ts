import { Lock } from '../../lib/index.js'
import type { Peer, PeerClient } from './peer.js'

const FOREVER = { ttl: 60, wait: Infinity } as const

/** By ids, as Spicerack's users do. */
export const spicelock = spicelockBy('spicelock', lock => byIds(lock, 1))

/** The same, where V8 collects what was made lately a quarter as often. */
export const spicelockRoomy: Peer = {
  ...spicelock,
  name: 'spicelock, 64 MB young space',
  flags: ['--max-semi-space-size=64'],
}

/** By handles, which are renewed and tell of a loss. */
export const spicelockHandle = spicelockBy('spicelock, handle', lock => ({
  async acquire([name]) {
    const held = await lock.exclusive(name!, FOREVER)
    return async () => void (await held.release())
  },
}))

/** @param concurrency how many may hold at once; 0 is any number. */
export function byIds(lock: Lock, concurrency: number): PeerClient {
  return {
    async acquire([name]) {
      const id = await lock.acquire(name!, { concurrency, ...FOREVER })
      return async () => void (await lock.release(name!, id))
    },
    limit: concurrency === 0 ? Infinity : concurrency,
  }
}

interface SpicelockOptions {
  readonly owner?: string
  readonly build?: () => Promise<{ readonly Lock: typeof Lock }>
}

/**
 * @param client makes the client of a number.
 * @param build where `Lock` comes from.
 */
export function spicelockBy(
  name: string,
  client: (lock: Lock, number: number) => PeerClient,
  { owner = 'bench', build = () => Promise.resolve({ Lock }) }: SpicelockOptions = {},
): Peer {
  return {
    name,
    async open({ etcd }) {
      const { Lock } = await build()
      const lock = new Lock({ config: { endpoints: [etcd] }, prefix: 'custom', owner, dryRun: false })
      return {
        client: number => Promise.resolve(client(lock, number)),
        waiting: async name => (await lock.inspect(name)).waiters.length,
        close: () => lock.close(),
      }
    },
  }
}
