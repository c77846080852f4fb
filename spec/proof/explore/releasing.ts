import type { Asked } from '../../../lib/protocol/set-hand-over.js'
import { changeOf } from './acquiring.js'
import type { Commit } from './call.js'
import type { Client } from './client.js'
import { finish, type Outcome } from './holding.js'
import { withRiders } from './riding.js'
import { NOW } from './time.js'
import type { Committed, World } from './world.js'

/** Releases as `Releasing` does: first from what its process saw last. */
export function startRelease(client: Client): void {
  client.goal = 'release'
  client.stage = 'running'
  client.mayPrefetch = false
  client.snapshots = client.cached
  client.isGuess = true
}

export function release(world: World, client: Client): Outcome | undefined {
  return client.keys.length === 1 ? void releaseTogether(client) : releaseAll(world, client)
}

/** Together with whatever else its process wants of the lock. */
function releaseTogether(client: Client): void {
  const { uuid, mayHandOver, snapshots } = client
  const mostSuccessors = mayHandOver ? Infinity : 0
  client.want({ kind: 'release', uuid, mostSuccessors, from: snapshots[0]! })
}

/** Its process sees nothing that it could release. */
export function onUnseen({ rules }: World, client: Client): Outcome | undefined {
  if (client.isGuess && !rules.believesInOldViews) {
    client.send({ kind: 'read', why: 'release' })
    return undefined
  }
  return client.isUnsettled ? 'unknown' : 'lost'
}

function releaseAll(world: World, client: Client): Outcome | undefined {
  const { rules } = world
  const { uuid, mayHandOver } = client
  const options = mayHandOver ? {} : { mostSuccessors: 0 }
  const commit = changeOf(
    client,
    'release',
    snapshot => rules.release(snapshot, uuid, NOW, options)?.transaction,
  )
  if (client.isGuess && (commit?.parts.length ?? 0) < client.keys.length)
    client.send({ kind: 'read', why: 'release' })
  else if (commit)
    client.send(mayHandOver ? withRiders(world, client, handedOver(world, client, commit)) : commit)
  else return client.isUnsettled ? 'unknown' : 'lost'
  return undefined
}

/** Sets of its process that wait, and become free, have their turn. (How often it tries that is left out.) */
function handedOver({ clients, rules }: World, client: Client, commit: Commit): Commit {
  const left = commit.parts.map(({ from, transaction }) => ({ snapshot: from, transaction }))
  const waiting = clients
    .filter(each => each.home === client.home && each.stage === 'waiting' && each.keys.length > 1)
    .map(askedBy)
  const { locks } = rules.handOverSets(left, client.uuid, waiting, NOW, 0)
  const parts = locks.map(({ snapshot, transaction }, place) => {
    const at = commit.parts[place]?.at ?? client.keys.length + place
    return { at, from: snapshot, transaction }
  })
  return { ...commit, parts }
}

function askedBy({ heard, holderLeases, terms, ticketLease }: Client): Asked[] {
  return heard.map((snapshot, at) => ({
    snapshot,
    request: { ...terms, holderLease: holderLeases[at]!, ticketLease, handoffAllowed: false },
    created: NOW,
  }))
}

export function onReleaseRead(world: World, client: Client): void {
  client.see(world.look(client))
  client.isGuess = false
  client.stage = 'running'
}

export function onReleased(world: World, client: Client, call: Commit, answer: Committed): void {
  for (const snapshot of answer.after) if (snapshot) client.home.learn(snapshot)
  client.see(answer.after)
  client.isGuess = false
  if (answer.succeeded) leave(world, client, client.isUnsettled ? 'unknown' : 'released', call)
  else client.stage = 'running'
}

/** Somebody who stays, or waits, has lost its lease: nobody is handed the lock. */
export function onReleaseRefused(client: Client): void {
  client.mayHandOver = false
  client.send({ kind: 'read', why: 'release' })
}

/** It may have been applied. */
export function onReleaseLost(client: Client): void {
  client.isUnsettled = true
  client.send({ kind: 'read', why: 'release' })
}

/**
 * A handle has seen that it lost a lock: it does not release that. Its other locks stand until it releases them, and their
 * leases are renewed no more.
 */
export function notice(world: World, client: Client): void {
  client.wentAway = true
  if (client.keys.length > 1) startRelease(client)
  else leave(world, client, 'lost')
}

/** A lease goes back to the pool when its holder key is released for certain; otherwise it is revoked. */
export function leave(world: World, client: Client, outcome: Outcome, released?: Commit): void {
  const { uuid, holderLeases } = client
  const isClean = (at: number): boolean => {
    const part = outcome === 'released' ? released?.parts.find(each => each.at === at) : undefined
    return part?.from.holders.get(uuid)?.lease === holderLeases[at]
  }
  client.idleHolders = holderLeases.map((lease, at) => (isClean(at) ? lease : undefined))
  world.doom(holderLeases.filter((_, at) => !isClean(at)))
  finish(world, client, outcome)
}
