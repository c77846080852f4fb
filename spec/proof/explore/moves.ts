import { cameWithHolderKey } from '../../../lib/model/lock-id.js'
import { isStoreError } from '../../../lib/store/store-error.js'
import type { Client } from './client.js'
import { clientMoves } from './client-moves.js'
import { answerForce, beginForce } from './forcing.js'
import { proceed } from './answers.js'
import { findsItFree, promote } from './queue-watching.js'
import { answerTurn, endRide, handOver, tellCoordinators } from './coordinating.js'
import type { Move } from './move.js'
import { NOW } from './time.js'
import { troublesOf, troublesOfForce, troublesOfTurns } from './troubles.js'
import type { Process } from './process.js'
import type { World } from './world.js'

/** What can happen when nothing befalls anybody, in an order that is always the same. */
export function plainMoves(world: World): Move[] {
  return [
    ...world.clients.flatMap(client => clientMoves(world, client)),
    ...turnMoves(world),
    ...administratorMoves(world),
    ...world.strays.map(({ uuid, kind }, at) => ({
      text: `the late ${kind} of ${uuid} arrives`,
      make: (next: World) => applyStray(next, at),
    })),
    ...world.doomed.map(lease => ({
      text: `lease ${lease} ends, which nobody renews`,
      make: (next: World) => next.end(lease),
    })),
    ...(isClockAwaited(world) ? [{ text: 'the clock goes on', make: (next: World) => next.age() }] : []),
  ]
}

/** What need not happen: trouble, and a decision of the administrator. */
export function optionalMoves(world: World): Move[] {
  const begin = {
    text: 'administrator: begins to force',
    make: (next: World) => beginForce(next, next.administrator!),
  }
  return [
    ...world.clients.flatMap(client => troublesOf(world, client)),
    ...troublesOfTurns(world),
    ...handOversOf(world),
    ...troublesOfForce(world),
    ...(world.administrator?.stage === 'ready' ? [begin] : []),
  ]
}

function turnMoves({ processes }: World): Move[] {
  return processes.flatMap(({ index, state, commit }) => {
    const move = (text: string, make: (world: World, home: Process) => void): Move => ({
      text,
      make: next => make(next, next.processes[index]!),
    })
    if (state.kind === 'riding') return [move('the ride is over', endRide)]
    if (state.kind !== 'sent') return []
    const kinds = state.turn.taken.map(({ kind }) => kind).join(' and ')
    return [move(kinds ? `for ${commit!.uuid}: ${kinds}` : 'the process hands over', answerTurn)]
  })
}

function handOversOf(world: World): Move[] {
  return world.processes
    .filter(home => findsItFree(world, home))
    .map(({ index }) => ({
      text: 'the first that waits finds the lock free',
      make: (next: World) => handOver(next, next.processes[index]!),
    }))
}

function administratorMoves({ administrator }: World): Move[] {
  const { call } = administrator ?? {}
  if (!call) return []
  const text = `administrator: ${call.kind === 'read' ? `reads, to ${call.why}` : call.kind}`
  return [{ text, make: next => answerForce(next, next.administrator!) }]
}

export function after(world: World, move: Move): World {
  const next = world.copy()
  move.make(next)
  tellCoordinators(next)
  for (const client of promote(next)) proceed(next, client)
  tellCoordinators(next)
  return next
}

/** Nothing is on its way: what will happen next is somebody's decision, or trouble. */
export function isQuiet(world: World): boolean {
  return (
    world.strays.length === 0 &&
    world.doomed.length === 0 &&
    world.administrator?.stage !== 'calling' &&
    world.clients.every(client => isIdle(world, client))
  )
}

function isIdle(world: World, client: Client): boolean {
  switch (client.stage) {
    case 'waiting':
      return clientMoves(world, client).length === 0
    case 'holding':
    case 'done':
    case 'dead':
      return true
    case 'running':
    case 'calling':
    case 'doubting':
      return false
  }
}

function applyStray(world: World, at: number): void {
  const call = world.strays[at]!
  world.strays = world.strays.filter((_, index) => index !== at)
  try {
    world.commit(call)
  } catch (error) {
    if (!isStoreError(error, 'lease-not-found')) throw error
  }
}

/** Some entry, which never had a holder key, stands until it expires. */
function isClockAwaited({ etcd, keys }: World): boolean {
  return keys.some(key => {
    const { holders } = etcd.truth(key)
    const silent = [...etcd.keyLocks(key).locks.values()].filter(
      ({ uuid }) => !holders.has(uuid) && !cameWithHolderKey(uuid),
    )
    return silent.some(lock => !lock.expiresAt.isBefore(NOW))
  })
}
