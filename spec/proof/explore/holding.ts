import type { Client } from './client.js'
import { Violation } from './invariants.js'
import type { World } from './world.js'

/**
 * How a request ends: `released` by its holder, which etcd has confirmed; `left` without the lock; `dismissed`: sent away
 * by force, and told so; `lost` while it was held; `unknown`: no answer came.
 */
export type Outcome = 'released' | 'left' | 'dismissed' | 'lost' | 'unknown'

/** The caller has the lock now. */
export function hold(world: World, client: Client): void {
  const { snapshots, uuid, attempt, holderLeases, ticketLease } = client
  const tokens = snapshots.map(({ holders }) => holders.get(uuid)!.createRevision)
  tokens.forEach((token, at) => checkToken(world, client, at, token))
  const mayPrefetch = !attempt.isGrantedByUs && !learnsFromHolderKeys(world, client)
  client.forget()
  Object.assign(client, { stage: 'holding', tokens, holderLeases, mayPrefetch })
  client.idleTicket = ticketLease
}

/** Whether its process knows all locks, from its own releases or from what the holder keys tell: as `AcquireAttempt.shareWhatItSaw`. */
function learnsFromHolderKeys({ rules }: World, { home, keys, snapshots, uuid }: Client): boolean {
  return keys
    .map((key, at) => {
      const holder = snapshots[at]!.holders.get(uuid)!
      const seen = home.cached(key)
      if (seen.holders.get(uuid)?.createRevision === holder.createRevision) return true
      const told = rules.heldSnapshot(key, holder, seen)
      if (told) home.learn(told)
      return told !== undefined
    })
    .every(Boolean)
}

/** It is that of the holder key; those of exclusive holders differ, and the real holder has the greatest. */
function checkToken(
  { clients, etcd }: World,
  { uuid, request, keys }: Client,
  at: number,
  token: bigint,
): void {
  const key = keys[at]!
  const actual = etcd.truth(key).holders.get(uuid)?.createRevision
  if (actual !== undefined && actual !== token)
    throw new Violation(`${uuid} believes that its token is ${token}, and it is ${actual}`)
  for (const other of clients) {
    if (other.stage !== 'holding' || other.request.concurrency !== 1 || request.concurrency !== 1) continue
    const held = other.tokens[other.keys.indexOf(key)]
    if (held !== undefined && (held === token || (actual !== undefined && held > token)))
      throw new Violation(`${uuid} has token ${token}, and ${other.uuid} had ${held} before`)
  }
}

/** Asks anew, or has asked often enough. */
export function finish(world: World, client: Client, outcome: Outcome): void {
  checkOutcome(world, client, outcome)
  client.forget()
  if (client.time + 1 === (client.request.times ?? 1)) client.stage = 'done'
  else {
    client.time++
    client.begin()
  }
}

/** A waiter that nobody has told to stop is served, or is told by whom it was sent away. */
function checkOutcome({ etcd }: World, { uuid, keys, waits, isStopped }: Client, outcome: Outcome): void {
  const isForced = keys.some(key => etcd.has(key.forced(uuid)))
  if (outcome === 'left' && waits && !isStopped)
    throw new Violation(`${uuid} leaves the queue, and nobody has told it to`)
  if (outcome === 'lost' && keys.length === 1 && etcd.truth(keys[0]!).holders.has(uuid))
    throw new Violation(`${uuid} is told that it lost what it holds`)
  if (outcome === 'dismissed' && !isForced)
    throw new Violation(`${uuid} is told that it was sent away, and nobody has sent it away`)
  if (outcome === 'released' && isForced && keys.length === 1)
    throw new Violation(`${uuid} is told that it has released what was taken from it by force`)
}
