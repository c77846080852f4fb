import { etcd3Lock } from './etcd3-lock.js'
import { combinedFloor, loneFloor } from './floor/cycle-floor.js'
import { handoffFloor } from './floor/handoff-floor.js'
import { lockRpc } from './lock-rpc.js'
import type { Peer } from './peer.js'
import { rawPuts } from './raw-puts.js'
import { redisSemaphore, redisSemaphoreOf, redlock } from './redis.js'
import { spicelock, spicelockHandle, spicelockRoomy } from './spicelock.js'
import {
  BEFORE,
  LIMIT,
  readersAlone,
  readersAndWriter,
  semaphoreBefore,
  spicelockBefore,
  spicelockOwners,
  spicelockSemaphore,
  spicelockSequence,
  spicelockSet,
  spicelockShared,
} from './spicelock-kinds.js'
import { inSequence } from './in-sequence.js'

export const ON_ETCD: readonly Peer[] = [spicelock, spicelockHandle, lockRpc, etcd3Lock]
export const ON_REDIS: readonly Peer[] = [
  redisSemaphore('none'),
  redisSemaphore('always'),
  redlock('none'),
  redlock('always'),
]
export const SEMAPHORES_ON_REDIS: readonly Peer[] = [
  redisSemaphoreOf(LIMIT, 'none'),
  redisSemaphoreOf(LIMIT, 'always'),
]
/** What lock nothing more than what is needed, by hand: no lock with their keys can be faster on this etcd and this machine. */
export const LONE_FLOORS: readonly Peer[] = [loneFloor(2), loneFloor(1)]
export const COMBINED_FLOORS: readonly Peer[] = [combinedFloor(2), combinedFloor(1)]
export const HANDOFF_FLOORS: readonly Peer[] = [handoffFloor]
/** What CI compares. */
export const IN_GATE: readonly Peer[] = [spicelock, lockRpc]
/** By an earlier build. */
export const EARLIER: readonly Peer[] = [spicelockBefore, semaphoreBefore]
export const lockRpcSequence = inSequence(lockRpc)

const ALL: readonly Peer[] = [
  ...ON_ETCD,
  spicelockRoomy,
  ...ON_REDIS,
  ...SEMAPHORES_ON_REDIS,
  rawPuts,
  ...LONE_FLOORS,
  ...COMBINED_FLOORS,
  ...HANDOFF_FLOORS,
  spicelockSemaphore,
  ...EARLIER,
  spicelockShared,
  readersAlone,
  readersAndWriter,
  spicelockSet,
  spicelockSequence,
  lockRpcSequence,
  ...spicelockOwners.values(),
]

/** @throws Error for a name that no peer has. */
export function peerNamed(name: string): Peer {
  const found = ALL.find(peer => peer.name === name)
  if (!found) throw new Error(`there is no peer '${name}'`)
  return found
}

/** Whether it can be run: an earlier build is there only when it is given. */
export function isGiven(peer: Peer): boolean {
  return !EARLIER.includes(peer) || Boolean(process.env[BEFORE])
}

/** Whether it needs a Redis. */
export function isOnRedis(peer: Peer): boolean {
  return [...ON_REDIS, ...SEMAPHORES_ON_REDIS].includes(peer)
}
