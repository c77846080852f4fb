import { etcd3Lock } from './etcd3-lock.js'
import { lockRpc } from './lock-rpc.js'
import type { Peer } from './peer.js'
import { rawPuts } from './raw-puts.js'
import { redisSemaphore, redlock } from './redis.js'
import { spicelock, spicelockHandle } from './spicelock.js'

export const ON_ETCD: readonly Peer[] = [spicelock, spicelockHandle, lockRpc, etcd3Lock]
export const ON_REDIS: readonly Peer[] = [
  redisSemaphore('none'),
  redisSemaphore('always'),
  redlock('none'),
  redlock('always'),
]
export const FLOOR: readonly Peer[] = [rawPuts]

/** @throws Error for a name that no peer has. */
export function peerNamed(name: string): Peer {
  const found = [...ON_ETCD, ...ON_REDIS, ...FLOOR].find(peer => peer.name === name)
  if (!found) throw new Error(`there is no peer '${name}'`)
  return found
}
