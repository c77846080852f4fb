import { extend } from '../../../lib/protocol/extend.js'
import type { Client } from './client.js'
import { MOVED } from './lock-names.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** Whether a holding of this client's request stands of which its caller does not know yet. */
export function mayBeMoved({ etcd }: World, { goal, keys, uuid, stage }: Client): boolean {
  if (keys.length > 1 || goal === 'release' || stage === 'holding') return false
  const holder = etcd.truth(keys[0]!).holders.get(uuid)
  return holder !== undefined && !holder.lease!.startsWith(MOVED)
}

/**
 * Another process, which knows the id, moves the holding to a lease of its own, as a server does when a call is repeated there. It lets
 * that lease end at some time.
 */
export function moveAway(world: World, { index, keys, request, uuid }: Client): void {
  const lease = MOVED + String(index)
  world.etcd = world.etcd.withLease(lease)
  const from = world.etcd.truth(keys[0]!)
  const transaction = extend(from, { uuid, ttl: request.ttl, lease }, NOW)!
  world.commit({ kind: 'move', uuid, parts: [{ at: 0, from, transaction }] })
  world.doom([lease])
}
