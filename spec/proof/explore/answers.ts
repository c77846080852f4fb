import { isStoreError } from '../../../lib/store/store-error.js'
import {
  goOn,
  onClearRead,
  onCommitted,
  onMarkerRead,
  onRecoverRead,
  onRefused,
  onRevoked,
  stop,
} from './attempting.js'
import type { Commit, Purpose } from './call.js'
import type { Client } from './client.js'
import { finish } from './holding.js'
import { onWaitRead, onWatching } from './queue-watching.js'
import { leave, onReleased, onReleaseLost, onReleaseRead, onReleaseRefused, release } from './releasing.js'
import type { World } from './world.js'

/** Goes on up to the next call or wait. */
export function proceed(world: World, client: Client): void {
  while (client.stage === 'running') {
    if (client.goal !== 'release') goOn(world, client)
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
      else onRevoked(client)
      break
    }
    // The process answers.
    case 'together':
      return
    case 'turn':
    case 'grant':
    case 'leave queue':
    case 'clear':
    case 'release':
    case 'force release':
    case 'eviction':
      commit(world, client, call)
  }
  proceed(world, client)
}

/** Etcd has got the call, or not, and no answer comes. */
export function lose(world: World, client: Client): void {
  const { kind } = client.call!
  if (kind === 'release') onReleaseLost(client)
  else {
    if (client.goal === 'acquire' && client.isStopped) stop(client)
    client.stage = 'running'
  }
  proceed(world, client)
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
      return onRecoverRead(world, client)
    case 'clear':
      return onClearRead(world, client)
    case 'wait':
      return onWaitRead(world, client)
    case 'find the marker':
      return onMarkerRead(world, client)
    case 'withdraw':
    case 'release':
    case 'evict':
      return onReleaseRead(world, client)
  }
}

function commit(world: World, client: Client, call: Commit): void {
  try {
    const answer = world.commit(call)
    if (call.kind === 'release') onReleased(world, client, call, answer)
    else if (call.kind === 'clear') client.send({ kind: 'read', why: 'clear' })
    else onCommitted(client, call, answer)
  } catch (error) {
    if (!isStoreError(error, 'lease-not-found')) throw error
    if (call.kind === 'release') onReleaseRefused(client)
    else if (call.kind === 'clear') client.send({ kind: 'read', why: 'clear' })
    else onRefused(world, client)
  }
}
