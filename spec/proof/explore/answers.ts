import { isStoreError } from '../../../lib/store/store-error.js'
import { onAdopted, onMarkerRead, onRevoked, tell } from './acquiring.js'
import { type Commit, isCommit, type Purpose } from './call.js'
import type { Client } from './client.js'
import { finish } from './holding.js'
import { onRidersJoined, onRidersLost, onRidersRefused } from './riding.js'
import { onWaitRead, onWatching } from './queue-watching.js'
import { leave, onReleased, onReleaseLost, onReleaseRead, onReleaseRefused, release } from './releasing.js'
import type { AttemptEvent } from '../../../lib/lock/acquire/attempt-state.js'
import type { Committed, World } from './world.js'

/** Goes on up to the next call or wait. */
export function proceed(world: World, client: Client): void {
  while (client.stage === 'running') {
    if (client.goal !== 'release') tell(world, client, { kind: 'go' })
    else {
      const outcome = release(world, client)
      if (outcome) leave(world, client, outcome)
    }
  }
}

/** Etcd gets the call, and the client its answer. Of several revocations, that of `lease` comes first. */
export function answer(world: World, client: Client, lease?: string): void {
  const call = client.call!
  switch (call.kind) {
    case 'read':
      onRead(world, client, call.why)
      break
    case 'watch':
      onWatching(world, client, call.ranges)
      break
    case 'revoke': {
      world.end(lease!)
      const leases = call.leases.filter(id => id !== lease)
      if (leases.length > 0) client.call = { kind: 'revoke', leases }
      else onRevoked(world, client)
      break
    }
    case 'adopt':
      onAdopted(world, client, call.lease)
      break
    // The process answers.
    case 'together':
    case 'ride':
      return
    case 'turn':
    case 'grant':
    case 'leave queue':
    case 'clear':
    case 'release':
    case 'force release':
    case 'eviction':
    case 'move':
      commit(world, client, call)
  }
  proceed(world, client)
}

/** Etcd has got the call, or not, and no answer comes. */
export function lose(world: World, client: Client): void {
  const call = client.call!
  if (call.kind === 'release') onReleaseLost(client)
  else client.stage = 'running'
  proceed(world, client)
  if (isCommit(call)) for (const rider of onRidersLost(world, call)) proceed(world, rider)
}

/** Etcd could not be reached for too long: the caller gets an error, and all is left to the leases. */
export function abandon(world: World, client: Client): void {
  client.wentAway = true
  world.doom(client.leases)
  finish(world, client, 'unknown')
  proceed(world, client)
}

function onRead(world: World, client: Client, why: Purpose): void {
  switch (why) {
    case 'recover':
    case 'clear':
    case 'withdraw':
    case 'go on':
    case 'find its ticket':
      return tell(world, client, { kind: 'read', snapshots: world.look(client) })
    case 'wait':
      return onWaitRead(world, client)
    case 'find the marker':
      return onMarkerRead(world, client)
    case 'release':
    case 'evict':
      return onReleaseRead(world, client)
  }
}

function commit(world: World, client: Client, call: Commit): void {
  try {
    const answer = world.commit(call)
    if (call.kind === 'release') {
      onReleased(world, client, call, answer)
      for (const rider of onRidersJoined(world, call, answer)) proceed(world, rider)
      return
    }
    for (const snapshot of answer.after) if (snapshot) client.home.learn(snapshot)
    tell(world, client, eventOf(client, call, answer))
  } catch (error) {
    if (!isStoreError(error, 'lease-not-found')) throw error
    if (call.kind === 'release') {
      onReleaseRefused(client)
      onRidersRefused(world, call)
    } else tell(world, client, { kind: call.kind === 'clear' ? 'cleared' : 'refused' })
  }
}

function eventOf(client: Client, { kind }: Commit, { succeeded, after }: Committed): AttemptEvent {
  const snapshots = client.snapshots.map((snapshot, at) => after[at] ?? snapshot)
  if (kind === 'clear') return { kind: 'cleared' }
  return kind === 'grant'
    ? { kind: 'answered', isGranted: succeeded, snapshots }
    : { kind: 'given-up', snapshots }
}
