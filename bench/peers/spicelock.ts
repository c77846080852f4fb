import { Lock } from '../../lib/index.js'
import type { Peer, PeerClient } from './peer.js'

/** By ids, as Spicerack's users do. */
export const spicelock = peer('spicelock', lock => ({
  async acquire(name) {
    const id = await lock.acquire(name, { concurrency: 1, ttl: 60, wait: Infinity })
    return async () => void (await lock.release(name, id))
  },
}))

/** By handles, which are renewed and tell of a loss. */
export const spicelockHandle = peer('spicelock, handle', lock => ({
  async acquire(name) {
    const held = await lock.exclusive(name, { ttl: 60, wait: Infinity })
    return async () => void (await held.release())
  },
}))

function peer(name: string, client: (lock: Lock) => PeerClient): Peer {
  return {
    name,
    open({ etcd }) {
      const lock = new Lock({
        config: { endpoints: [etcd] },
        prefix: 'custom',
        owner: 'bench',
        dryRun: false,
      })
      return Promise.resolve({
        client: () => Promise.resolve(client(lock)),
        close: () => lock.close(),
      })
    },
  }
}
