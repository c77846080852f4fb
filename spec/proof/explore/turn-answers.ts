import { ticketAt } from '../../../lib/protocol/compose.js'
import { type Snapshot, withTicket } from '../../../lib/protocol/snapshot.js'
import type { TransactionResult } from '../../../lib/kv/transaction.js'
import { isStoreError } from '../../../lib/store/store-error.js'
import { proceed } from './answers.js'
import { tell } from './acquiring.js'
import type { Client } from './client.js'
import type { Member, Process, TurnUnderWay } from './process.js'
import { leave, onReleased, onReleaseLost, onReleaseRefused, onUnseen } from './releasing.js'
import { sendLine } from './turns.js'
import type { World } from './world.js'

/** A process of several clients sends what they want. */
export function sendTurn(world: World, home: Process, most = Infinity): void {
  for (const { client } of sendLine(world, home, most)) {
    const self = world.clients[client]!
    const outcome = onUnseen(world, self)
    if (outcome) leave(world, self, outcome)
    proceed(world, self)
  }
}

/** Etcd gets the transaction, and the process its answer. */
export function answerTurn(world: World, home: Process): void {
  const underWay = home.underWay!
  home.underWay = undefined
  try {
    onAnswered(world, home, underWay, world.run(underWay.commit)[0]!)
  } catch (error) {
    if (!isStoreError(error, 'lease-not-found')) throw error
    onRefusedTogether(world, home, underWay.turn.taken)
  }
}

/** Etcd has got the transaction, or not, and no answer comes. */
export function loseTurn(world: World, home: Process): void {
  const { turn, commit } = home.underWay!
  home.underWay = undefined
  home.unlearn(commit.parts[0]!.from.key)
  if (world.rules.repeatsLostTurns) {
    home.line = [...alone(turn.taken), ...home.line]
    if (!home.isShared) sendTurn(world, home)
    return
  }
  for (const each of turn.taken) {
    const client = world.clients[each.client]!
    if (each.kind === 'release') onReleaseLost(client)
    else client.stage = 'running'
    proceed(world, client)
  }
}

function onAnswered(
  world: World,
  home: Process,
  { turn, commit }: TurnUnderWay,
  result: TransactionResult,
): void {
  const { before, composition, taken } = turn
  const after = world.rules.applyComposition(before, composition, result)
  home.learn(after)
  const told = result.succeeded ? composition.successors : []
  const granted = world.clients.filter(each => each.home === home && told.some(uuid => each.isQueuedAs(uuid)))
  for (const each of granted) {
    each.granted = after
    if (each.stage === 'waiting') each.stage = 'running'
  }
  for (const each of taken) {
    const client = world.clients[each.client]!
    if (each.kind === 'join') onJoined(world, client, each, turn, { after, result })
    else onReleased(world, client, commit, { succeeded: result.succeeded, after: [after] })
  }
  for (const client of [...granted, ...taken.map(each => world.clients[each.client]!)]) proceed(world, client)
}

function onJoined(
  world: World,
  client: Client,
  { uuid }: Member,
  { composition }: TurnUnderWay['turn'],
  { after, result }: { after: Snapshot; result: TransactionResult },
): void {
  const isGranted = result.succeeded && composition.granted.has(uuid)
  const ticket = isGranted ? undefined : ticketAt(after.key.ticket(uuid), composition, result.revision)
  if (ticket) client.queuedAt = result.revision
  tell(world, client, {
    kind: 'answered',
    isGranted,
    snapshots: [ticket ? withTicket(after, uuid, ticket) : after],
  })
}

/** One of them has lost a lease: each is sent again alone. */
function onRefusedTogether(world: World, home: Process, taken: readonly Member[]): void {
  home.unlearn(taken[0]!.from.key)
  if (taken.length > 1) {
    home.line = [...alone(taken), ...home.line]
    return
  }
  const [{ client: index, kind }] = taken as [Member]
  const client = world.clients[index]!
  if (kind === 'release') onReleaseRefused(client)
  else tell(world, client, { kind: 'refused' })
  proceed(world, client)
}

function alone(members: readonly Member[]): Member[] {
  return members.map(each => ({ ...each, isAlone: true }))
}
