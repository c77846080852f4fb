import { ticketOf } from '../../../lib/lock/engine/coordination.js'
import type {
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorFacts,
  Fail,
  Tell,
} from '../../../lib/lock/engine/coordinator-state.js'
import { hasSuccessor, type Intent, type Turn } from '../../../lib/lock/engine/turn.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import { withTicket } from '../../../lib/protocol/snapshot.js'
import { isStoreError, StoreError } from '../../../lib/store/store-error.js'
import { withShortLists } from '../../support/short-lists.js'
import { tell } from './acquiring.js'
import { proceed } from './answers.js'
import type { Client } from './client.js'
import type { Member, Process } from './process.js'
import { leave, onReleased, onReleaseLost, onReleaseRefused, onUnseen } from './releasing.js'
import { NOW } from './time.js'
import type { World } from './world.js'

type Event = CoordinatorEvent<Member>

const SILENCE = new StoreError('unreachable', 'no answer')

/** Tells the coordinators what their clients want. */
export function tellCoordinators(world: World): void {
  for (const home of world.processes) {
    while (home.inbox.length > 0) {
      const [entry, ...others] = home.inbox as [Member, ...Member[]]
      home.inbox = others
      dispatch(world, home, { kind: 'wanted', entry })
    }
  }
}

export function endRide(world: World, home: Process): void {
  dispatch(world, home, { kind: 'ride-over' })
}

/** The lock is free for the first of the process that waits. */
export function handOver(world: World, home: Process): void {
  dispatch(world, home, { kind: 'freed' })
}

/** Etcd gets the transaction, and the process its answer. */
export function answerTurn(world: World, home: Process): void {
  let event: Event
  try {
    event = { kind: 'answer', result: world.run(home.commit!)[0]! }
  } catch (error) {
    if (!isStoreError(error, 'lease-not-found')) throw error
    event = { kind: 'failure', error }
  }
  dispatch(world, home, event)
}

/** Etcd has got the transaction, or not, and no answer comes. */
export function loseTurn(world: World, home: Process): void {
  dispatch(world, home, { kind: 'failure', error: SILENCE })
}

/** The time of one of several is over. */
export function endTime(world: World, home: Process, entry: Member): void {
  dispatch(world, home, { kind: 'late', entries: [entry] })
}

/** Tells the coordinator what has happened, and does what it says then, as `Coordinator` does. */
function dispatch(world: World, home: Process, event: Event): void {
  const { state, effect } = world.rules.coordinate(home.state, event, factsOf(world, home))
  home.state = state
  if (state.kind !== 'sent') home.commit = undefined
  perform(world, home, effect)
}

function factsOf({ clients, lists, rules }: World, home: Process): CoordinatorFacts<Member> {
  const key = lockOf(clients, home)
  const waiters = clients.filter(each => each.home === home && each.keys.length === 1)
  const isLocal = (uuid: string): boolean => waiters.some(each => each.isQueuedAs(uuid))
  return {
    hasWaiters: waiters.some(each => each.queuedAt !== undefined),
    nextTurn: (line, handsOver) => {
      const { turn, ...others } = rules.nextTurn(line, home.cached(key), NOW, isLocal, handsOver)
      return { turn: turn && shortened(turn, lists), ...others }
    },
    hasSuccessor: after => hasSuccessor(after, NOW),
  }
}

function shortened<T extends Intent>({ before, composition, taken }: Turn<T>, lists: number): Turn<T> {
  const transaction = withShortLists(composition.transaction, lists)
  return { before, taken, composition: { ...composition, transaction } }
}

function perform(world: World, home: Process, effect: CoordinatorEffect<Member>): void {
  switch (effect.kind) {
    // A ride may be over at any time: see `moves.ts`.
    case 'ride':
    case 'none':
      return
    case 'unseen':
      return tellUnseen(world, effect.unseen)
    case 'send':
      send(home, effect.turn)
      return tellUnseen(world, effect.unseen)
    case 'tell':
      return onAnswer(world, home, effect)
    case 'fail':
      return onFailure(world, home, effect)
    case 'give-up':
      for (const each of effect.entries) onSilence(clientOf(world, each), each)
  }
}

function send(home: Process, { before, composition, taken }: Turn<Member>): void {
  const members = taken.map(({ uuid }) => uuid)
  const parts = [{ at: 0, from: before, transaction: composition.transaction }]
  home.commit = { kind: 'turn', uuid: members.join(' and '), members, parts }
}

function tellUnseen(world: World, unseen: readonly Member[]): void {
  for (const each of unseen) {
    const client = clientOf(world, each)
    const outcome = onUnseen(world, client)
    if (outcome) leave(world, client, outcome)
    proceed(world, client)
  }
}

/** Its clients go on when all of them have been told, and the next turn is sent. */
function onAnswer(world: World, home: Process, news: Tell<Member>): void {
  const { after, handedTo, members, result, turn } = news
  home.learn(after)
  const granted = world.clients.filter(
    each => each.home === home && handedTo.some(uuid => each.isQueuedAs(uuid)),
  )
  for (const each of granted) {
    each.granted = after
    if (each.stage === 'waiting') each.stage = 'running'
  }
  const parts = [{ at: 0, from: turn.before, transaction: turn.composition.transaction }]
  for (const each of members) {
    const client = clientOf(world, each)
    if (each.kind === 'join') onJoined(world, client, each, news)
    else {
      const commit = { kind: 'turn', uuid: each.uuid, parts } as const
      onReleased(world, client, commit, { succeeded: result.succeeded, after: [after] })
    }
  }
  dispatch(world, home, { kind: 'told' })
  for (const client of [...granted, ...members.map(each => clientOf(world, each))]) proceed(world, client)
}

function onJoined(world: World, client: Client, member: Member, news: Tell<Member>): void {
  const { after, result, turn } = news
  const ticket = ticketOf(member, news)
  if (ticket) client.queuedAt = result.revision
  const isGranted = result.succeeded && turn.composition.granted.includes(member.uuid)
  const snapshots = [ticket ? withTicket(after, member.uuid, ticket) : after]
  tell(world, client, { kind: 'answered', isGranted, snapshots })
}

function onFailure(world: World, home: Process, { entries, error }: Fail<Member>): void {
  home.unlearn(lockOf(world.clients, home))
  for (const each of entries) {
    const client = clientOf(world, each)
    if (!isStoreError(error, 'lease-not-found')) onSilence(client, each)
    else if (each.kind === 'release') onReleaseRefused(client)
    else tell(world, client, { kind: 'refused' })
  }
  dispatch(world, home, { kind: 'told' })
  for (const each of entries) proceed(world, clientOf(world, each))
}

/** It may have been applied, or may be yet. */
function onSilence(client: Client, { kind }: Member): void {
  if (kind === 'release') onReleaseLost(client)
  else client.stage = 'running'
}

/** Those clients of a process that ask for one lock ask for the same. */
function lockOf(clients: readonly Client[], home: Process): LockKey {
  return clients.find(each => each.home === home && each.keys.length === 1)!.keys[0]!
}

function clientOf({ clients }: World, { client }: Member): Client {
  return clients[client]!
}
