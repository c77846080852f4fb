import { abandon, lose, proceed } from './answers.js'
import { type Call, isCommit } from './call.js'
import { stop } from './acquiring.js'
import type { Client } from './client.js'
import { loseForce } from './forcing.js'
import type { Deed, Move } from './move.js'
import { mayBeMoved, moveAway } from './moving.js'
import { isStoreError } from '../../../lib/store/store-error.js'
import { endTime, loseTurn } from './coordinating.js'
import type { Process } from './process.js'
import { entriesOf } from '../../../lib/lock/engine/coordinator-state.js'
import type { Trouble, World } from './world.js'

/** What can befall a client, as long as there is trouble left. */
export function troublesOf(world: World, client: Client): Move[] {
  const { trouble, etcd } = world
  const isOver = client.hasEnded
  const isPatient = client.goal === 'acquire' && !client.isStopped && client.stage !== 'holding'
  return [
    ...(trouble.losses > 0 && client.stage === 'calling' && !isOfProcess(client.call!) ? losses(client) : []),
    ...(trouble.ends > 0 ? [...client.idleLeases, ...client.leases] : [])
      .filter(lease => etcd.leases.has(lease) && !isOver)
      .map(lease => befall(client, 'ends', `lease ${lease} ends`, next => next.end(lease))),
    ...(trouble.stops > 0 && isPatient && !isOver
      ? [befall(client, 'stops', 'wants it no more', giveUp)]
      : []),
    ...(trouble.crashes > 0 && !isOver ? crashes(client) : []),
    ...(trouble.moves > 0 && mayBeMoved(world, client)
      ? [befall(client, 'moves', 'what it holds is moved by another process', moveAway)]
      : []),
  ]
}

/** Whether its process sends it, or another of its clients. */
function isOfProcess({ kind }: Call): boolean {
  return kind === 'together' || kind === 'ride'
}

function losses(client: Client): Move[] {
  const { call } = client
  const lost = (text: string, make: Deed): Move[] => {
    const move = (end: string, goOn: Deed): Move =>
      befall(client, 'losses', text + end, (next, self) => {
        make(next, self)
        goOn(next, self)
      })
    const isImpatient = client.goal === 'withdraw'
    return [move('', lose), ...(isImpatient ? [move(', and it goes with an error', abandon)] : [])]
  }
  const isRead = call!.kind === 'read' || call!.kind === 'watch' || call!.kind === 'adopt'
  if (isRead) return client.goal === 'withdraw' ? lost('no answer to its read', () => {}).slice(1) : []
  const request = lost(`its ${call!.kind} is lost`, () => {})
  if (call!.kind === 'revoke') {
    return [
      ...request,
      ...call!.leases.flatMap(lease => [
        ...lost(`no answer to the revocation of ${lease}`, next => next.end(lease)),
        ...lost(`the revocation of ${lease} is late`, next => next.doom([lease])),
      ]),
    ]
  }
  return [
    ...request,
    ...lost(`no answer to its ${call!.kind}`, (world, { call }) => applyUnheard(world, call)),
    ...lost(`its ${call!.kind} is late`, (world, { call }) => goAstray(world, call)),
  ]
}

function applyUnheard(world: World, call: Call | undefined): void {
  try {
    if (call && isCommit(call)) world.commit(call)
  } catch (error) {
    if (!isStoreError(error, 'lease-not-found')) throw error
  }
}

function goAstray(world: World, call: Call | undefined): void {
  if (call && isCommit(call)) world.strays = [...world.strays, call]
}

function giveUp(_: World, client: Client): void {
  client.isStopped = true
  const isWatching = client.stage === 'calling' && client.call?.kind === 'watch'
  if (client.stage !== 'waiting' && !isWatching) return
  stop(client)
  client.stage = 'running'
}

function crashes(client: Client): Move[] {
  const { call } = client
  const move = (text: string, make: Deed): Move =>
    befall(client, 'crashes', text, (next, self) => {
      make(next, self)
      crash(next, self)
    })
  return [
    move('dies', () => {}),
    ...(call && isCommit(call) && client.stage === 'calling'
      ? [move(`dies, and its ${call.kind} is under way`, (world, self) => goAstray(world, self.call))]
      : []),
    ...(client.home.commit
      ? [move('dies, and its turn is under way', (world, self) => goAstray(world, self.home.commit))]
      : []),
  ]
}

/** With it dies its process. */
function crash(world: World, { home }: Client): void {
  for (const client of world.clients) if (client.home === home && !client.hasEnded) die(world, client)
  home.stop()
}

function die(world: World, client: Client): void {
  world.doom([...client.leases, ...client.idleLeases])
  client.idleHolders = client.keys.map(() => undefined)
  client.idleTicket = undefined
  client.wentAway = true
  client.forget()
  client.stage = 'dead'
}

/** What can befall the transactions of the processes. */
export function troublesOfTurns(world: World): Move[] {
  return world.processes.flatMap(home => [...lossesOf(world, home), ...latesOf(world, home)])
}

function lossesOf({ trouble }: World, { commit, index }: Process): Move[] {
  if (trouble.losses === 0 || !commit) return []
  const move = (text: string, make: (world: World) => void): Move => ({
    text: `for ${commit.uuid}: ${text}`,
    make: next => {
      next.trouble = { ...next.trouble, losses: next.trouble.losses - 1 }
      make(next)
      loseTurn(next, next.processes[index]!)
    },
  })
  return [
    move('the transaction is lost', () => {}),
    move('no answer to the transaction', next => applyUnheard(next, commit)),
    move('the transaction is late', next => goAstray(next, commit)),
  ]
}

/** The time of one that is alone is that of its call. */
function latesOf({ clients, trouble }: World, { index, state }: Process): Move[] {
  const entries = entriesOf(state)
  const isOne = state.kind === 'sent' && state.turn.taken.length === 1 && state.line.length === 0
  if (trouble.lates === 0 || isOne) return []
  return entries.flatMap((entry, at) => {
    const { name } = clients[entry.client]!
    const move = (end: string, goOn: Deed): Move => ({
      text: `${name}: its time is over${end}`,
      make: next => {
        next.trouble = { ...next.trouble, lates: next.trouble.lates - 1 }
        const home = next.processes[index]!
        endTime(next, home, entriesOf(home.state)[at]!)
        const client = next.clients[entry.client]!
        goOn(next, client)
        proceed(next, client)
      },
    })
    return [move('', () => {}), move(', and it goes with an error', abandon)]
  })
}

/** What can befall the calls of the administrator. */
export function troublesOfForce({ trouble, administrator }: World): Move[] {
  const call = administrator?.call
  if (trouble.losses === 0 || !call || !isCommit(call)) return []
  const move = (text: string, make: (world: World) => void): Move => ({
    text: `administrator: ${text}`,
    make: next => {
      next.trouble = { ...next.trouble, losses: next.trouble.losses - 1 }
      make(next)
      loseForce(next.administrator!, call)
    },
  })
  return [
    move(`its ${call.kind} is lost`, () => {}),
    move(`no answer to its ${call.kind}`, next => applyUnheard(next, call)),
    move(`its ${call.kind} is late`, next => goAstray(next, call)),
  ]
}

function befall({ name, index }: Client, kind: keyof Trouble, text: string, make: Deed): Move {
  return {
    text: `${name}: ${text}`,
    make: next => {
      next.trouble = { ...next.trouble, [kind]: next.trouble[kind] - 1 }
      make(next, next.clients[index]!)
      proceed(next, next.clients[index]!)
    },
  }
}
