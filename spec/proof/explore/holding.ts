import type { Client } from './client.js'
import { Violation } from './invariants.js'
import type { World } from './world.js'

/** The caller has the lock now. */
export function hold(world: World, client: Client): void {
  const { snapshot, uuid, isGrantedByUs, holderLease, ticketLease } = client
  const token = snapshot.holders.get(uuid)!.createRevision
  checkToken(world, client, token)
  client.forget()
  Object.assign(client, { stage: 'holding', token, holderLease, mayLearn: !isGrantedByUs })
  client.idleTicket = ticketLease
}

/** It is that of the holder key; those of exclusive holders differ, and whoever really holds has the greatest. */
function checkToken({ clients, etcd }: World, { uuid, wish }: Client, token: bigint): void {
  const actual = etcd.truth.holders.get(uuid)?.createRevision
  if (actual !== undefined && actual !== token)
    throw new Violation(`${uuid} believes that its token is ${token}, and it is ${actual}`)
  for (const other of clients) {
    if (other.stage !== 'holding' || other.wish.concurrency !== 1 || wish.concurrency !== 1) continue
    if (other.token === token || (actual !== undefined && other.token > token))
      throw new Violation(`${uuid} has token ${token}, and ${other.uuid} had ${other.token} before`)
  }
}

/** Asks anew, or has asked often enough. */
export function finish(client: Client): void {
  client.forget()
  if (client.time + 1 === (client.wish.times ?? 1)) client.stage = 'done'
  else {
    client.time++
    client.snapshot = client.guess
  }
}
