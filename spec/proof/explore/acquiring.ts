import type {
  AttemptEffect,
  AttemptEvent,
  AttemptFacts,
  Phase,
} from '../../../lib/lock/acquire/attempt-state.js'
import { remainsOf } from '../../../lib/lock/acquire/attempt-state.js'
import type { LeaseId } from '../../../lib/kv/key-value.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { queueReads } from '../../../lib/protocol/queue.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Commit, Purpose } from './call.js'
import type { Client } from './client.js'
import { finish, hold } from './holding.js'
import { watchQueue } from './queue-watching.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** What the attempt reads for, by what it knows. */
const PURPOSES: Readonly<Record<Phase, Purpose>> = {
  guessing: 'withdraw',
  informed: 'go on',
  searching: 'find its ticket',
  sent: 'recover',
  unsettled: 'recover',
  renewed: 'recover',
  revoking: 'recover',
  clearing: 'clear',
}

/** Tells the attempt what has happened, and does what it says then, as `AcquireAttempt` does, up to the next call or wait. */
export function tell(world: World, client: Client, event: AttemptEvent): void {
  let happened: AttemptEvent | undefined = event
  while (happened) {
    const { state, effect } = world.rules.next(client.attempt, happened, factsOf(world, client))
    client.attempt = state
    client.dropOldNews()
    if (state.goal === 'leave') stop(client)
    happened = perform(world, client, effect)
  }
}

function factsOf({ rules }: World, client: Client): AttemptFacts {
  const { holderLeases, index, isStopped, ticketLease, waits } = client
  return {
    decide: snapshots => rules.decide(client.targetsIn(snapshots), NOW),
    leaseAt: place => holderLeases[place],
    isOwnLease: lease => isOfClient(lease, index),
    hasLeases: !holderLeases.includes(undefined) && (!waits || ticketLease !== undefined),
    // Whether it relies on a lease without asking is tried both ways, where that makes a difference.
    areFresh: false,
    isTicketRetired: false,
    isStopped,
  }
}

/** Returns what has happened then; undefined when that is not known yet. */
function perform(world: World, client: Client, effect: AttemptEffect): AttemptEvent | undefined {
  switch (effect.kind) {
    case 'borrow':
      borrowLeases(world, client)
      return { kind: 'go' }
    case 'join':
      return void join(client, effect.from)
    case 'grant':
      return void sendGrant(world, client, effect.from)
    case 'give-up':
      return void leaveQueues(world, client)
    case 'read':
      return void client.send({ kind: 'read', why: PURPOSES[client.attempt.phase] })
    case 'find-marker':
      // Where nobody forces, the answer is known, and a read changes nothing: it is left out, so that the states stay few.
      return world.administrator
        ? void client.send({ kind: 'read', why: 'find the marker' })
        : { kind: 'unmarked' }
    case 'renew':
      // They count from now. Where they do not, it renews them and reads, which the simulation tries.
      if (client.holderLeases.every(lease => world.etcd.leases.has(lease!))) return void hold(world, client)
      client.stage = 'doubting'
      return undefined
    case 'adopt':
      return void client.send({ kind: 'adopt', lease: effect.lease })
    case 'revoke':
      return revoke(client, effect.endsTicket)
    case 'clear':
      return void clear(world, client)
    case 'drop-leases':
      world.doom(client.holderLeases)
      client.holderLeases = client.keys.map(() => undefined)
      if (effect.doubtsTicket) client.ticketLease = undefined
      return { kind: 'go' }
    case 'move-tickets':
    case 'leave-ticket-lease':
      throw new Error('The lease of a ticket is not shared here, so it is not retired.')
    case 'wait':
      return void watchQueue(world, client, effect.until)
    case 'stop':
      return { kind: 'leave' }
    case 'hold':
      return void hold(world, client)
    case 'left':
      return void goAway(world, client)
  }
}

/** The end of the attempt without the lock: nothing is watched any more. */
export function stop(client: Client): void {
  client.goal = 'withdraw'
  client.queuedAt = undefined
  client.watches = []
  client.timer = 'none'
  client.isStale = false
}

/** Takes the lock, or a ticket, together with whatever else its process wants of it. */
function join(client: Client, from: Snapshot): void {
  const { terms, ticketLease, uuid } = client
  // As `QueueWatcher.prepare` does: of those that it watches already the answer may show what has gone.
  if (client.watches.length > 0) client.isStale = true
  const [holderLease] = client.holderLeases as [string]
  const request = { ...terms, holderLease, ticketLease, handoffAllowed: true }
  client.want({ kind: 'join', uuid, join: { request, created: NOW, extraOps: [] }, from })
}

function sendGrant({ rules }: World, client: Client, from: readonly Snapshot[]): void {
  const { terms, ticketLease } = client
  const locks = from.map((snapshot, at) => {
    const holderLease = client.holderLeases[at]!
    return { snapshot, request: { ...terms, holderLease, ticketLease, handoffAllowed: from.length === 1 } }
  })
  const transactions = rules.grant(locks, NOW)
  const parts = transactions.map((transaction, at) => ({ at, from: from[at]!, transaction }))
  const alone = { kind: 'grant', uuid: client.uuid, parts } as const
  client.send(mayRide(client, from) ? { kind: 'ride', alone, isAboard: false } : alone)
}

/** Whether its tickets may travel with a release of its process. (Whether it would stand behind others of that is left out: it may always.) */
function mayRide({ home, keys, uuid, waits }: Client, from: readonly Snapshot[]): boolean {
  return home.isShared && keys.length > 1 && waits && !from.some(({ tickets }) => tickets.has(uuid))
}

function leaveQueues({ rules }: World, client: Client): void {
  const { uuid, keys } = client
  const reads = keys.length === 1 ? queueReads : undefined
  client.send(changeOf(client, 'leave queue', snapshot => rules.giveUp(snapshot, uuid, reads))!)
}

/** A grant whose lease is gone has left its entry. */
function clear({ rules }: World, client: Client): void {
  const { uuid } = client
  const plan = (snapshot: Snapshot): Transaction | undefined =>
    rules.release(snapshot, uuid, NOW, { mostSuccessors: 0 })?.transaction
  client.send(changeOf(client, 'clear', plan)!)
}

function revoke(client: Client, endsTicket: boolean): AttemptEvent | undefined {
  const { holderLeases, index, ticketLease } = client
  const leases = [...holderLeases, endsTicket ? ticketLease : undefined].filter(lease => lease !== undefined)
  const own = leases.filter(lease => isOfClient(lease, index))
  if (own.length === 0) return dropRevoked(client)
  client.send({ kind: 'revoke', leases: own })
  return undefined
}

export function onRevoked(world: World, client: Client): void {
  tell(world, client, dropRevoked(client))
}

function dropRevoked(client: Client): AttemptEvent {
  client.holderLeases = client.keys.map(() => undefined)
  if (client.attempt.isTicketInDoubt) client.ticketLease = undefined
  return { kind: 'revoked' }
}

/** Another process has moved what was granted to a lease of its own. */
export function onAdopted(world: World, client: Client, lease: LeaseId): void {
  const isAlive = world.etcd.leases.has(lease)
  if (isAlive) {
    world.doom(client.holderLeases)
    client.holderLeases = [lease]
  }
  tell(world, client, { kind: 'adopted', isAlive })
}

/** Whoever is sent away asks no more: all leases are given up. */
export function onMarkerRead(world: World, client: Client): void {
  const isSentAway = client.keys.some(key => world.etcd.has(key.forced(client.uuid)))
  if (!isSentAway || client.isStopped) return tell(world, client, { kind: isSentAway ? 'go' : 'unmarked' })
  world.doom(client.leases)
  finish(world, client, 'dismissed')
}

function goAway(world: World, client: Client): void {
  const { areClean, hasTicket } = remainsOf(client.attempt, 'left')
  const { holderLeases, index, ticketLease } = client
  const own = holderLeases.map(lease => (lease !== undefined && isOfClient(lease, index) ? lease : undefined))
  client.idleHolders = areClean ? own : client.keys.map(() => undefined)
  client.idleTicket = hasTicket ? undefined : ticketLease
  world.doom([...(areClean ? [] : own), ...(hasTicket ? [ticketLease] : [])])
  finish(world, client, 'left')
}

/** A transition of those locks that have it, in one transaction. Undefined when none has. */
export function changeOf(
  { uuid, snapshots }: Client,
  kind: Commit['kind'],
  planOf: (snapshot: Snapshot) => Transaction | undefined,
): Commit | undefined {
  const parts = snapshots.flatMap((from, at) => {
    const transaction = planOf(from)
    return transaction ? [{ at, from, transaction }] : []
  })
  return parts.length > 0 ? { kind, uuid, parts } : undefined
}

function borrowLeases(world: World, client: Client): void {
  client.holderLeases = client.holderLeases.map(
    (lease, at) => lease ?? client.idleHolders[at] ?? world.mint(client),
  )
  client.idleHolders = client.keys.map(() => undefined)
  if (!client.waits) return
  client.ticketLease ??= client.idleTicket ?? world.mint(client)
  client.idleTicket = undefined
}

/** Whether it was granted to this client, as {@link World.mint} names it. */
function isOfClient(lease: LeaseId, index: number): boolean {
  return lease.startsWith(String(index + 1))
}
