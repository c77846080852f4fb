import type { Step } from '../../../lib/protocol/decide.js'
import { keyLocksOf, type Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { queueReads } from '../../../lib/protocol/queue.js'
import type { Commit } from './call.js'
import type { Client } from './client.js'
import { finish, hold } from './holding.js'
import { nothingOf } from './lock-names.js'
import { watchQueue } from './queue-watching.js'
import { NOW } from './time.js'
import { submit } from './turns.js'
import type { Committed, World } from './world.js'

/** Goes on as `AcquireAttempt.advance` and `AcquireAttempt.withdraw` do, up to the next call or wait. */
export function goOn(world: World, client: Client): void {
  if (client.goal === 'acquire') advance(world, client)
  else withdraw(world, client)
}

function advance(world: World, client: Client): void {
  const { rules } = world
  for (;;) {
    if (client.isUnsettled) return client.send({ kind: 'read', why: 'recover' })
    borrowLeases(world, client)
    const step = decide(world, client)
    if (step.kind === 'held') {
      if (confirm(world, client)) return
      continue
    }
    if (step.kind === 'lost') {
      client.isUnsettled = true
      continue
    }
    const isBlocked = step.kind === 'blocked' && !client.isGuess && !client.waits
    if (client.isStopped || isBlocked) {
      stop(client)
      return withdraw(world, client)
    }
    if (step.kind === 'wait') return watchQueue(world, client, step.until)
    // Where nobody forces, the answer is known, and a read changes nothing: it is left out, so that the states stay few.
    const mayBeSentAway = world.administrator && !client.isGuess && !client.hasAllTickets
    if (mayBeSentAway && rules.looksForMarker) return client.send({ kind: 'read', why: 'find the marker' })
    return attempt(world, client, step)
  }
}

function decide({ rules }: World, client: Client): Step {
  return rules.decide(client.targetsIn(client.snapshots), NOW)
}

/** The end of the attempt without the lock: nothing is watched any more. */
export function stop(client: Client): void {
  client.goal = 'withdraw'
  client.queuedAt = undefined
  client.watches = []
  client.timer = 'none'
  client.isStale = false
}

function withdraw(world: World, client: Client): void {
  for (;;) {
    if (client.isUnsettled) return client.send({ kind: 'read', why: 'recover' })
    if (client.isGuess) return client.send({ kind: 'read', why: 'withdraw' })
    if (client.hasTickets) return leaveQueues(world, client)
    const step = decide(world, client)
    if (step.kind === 'held') {
      if (confirm(world, client)) return
    } else if (step.kind === 'lost') client.isUnsettled = true
    else {
      client.idleHolders = client.holderLeases
      client.idleTicket = client.ticketLease
      return finish(world, client, 'left')
    }
  }
}

/** Whether what is held counts from now on, or that is to be found out: a young lease is believed in without a look. */
function confirm(world: World, client: Client): boolean {
  if (!isOnOurLeases(world, client)) {
    client.isUnsettled = true
    return false
  }
  if (client.holderLeases.every(lease => world.etcd.leases.has(lease!))) hold(world, client)
  else client.stage = 'doubting'
  return true
}

function isOnOurLeases({ rules }: World, { snapshots, uuid, holderLeases }: Client): boolean {
  if (!rules.comparesLease) return true
  return snapshots.every(({ holders }, at) => holders.get(uuid)?.lease === holderLeases[at])
}

function attempt(world: World, client: Client, step: Step): void {
  if (client.keys.length === 1 && !client.hasTickets) return join(world, client)
  if (step.kind === 'grant') return sendGrant(world, client, client.snapshots)
  if (!client.hasTickets) return sendGrant(world, client, client.keys.map(nothingOf))
  if (world.rules.rejoinsAllQueues) return leaveQueues(world, client)
  const beside = client.snapshots.map(({ key, tickets }) => ({ ...nothingOf(key), tickets }))
  sendGrant(world, client, beside)
}

/** Takes the lock, or a ticket, together with whatever else its process wants of it. */
function join(world: World, client: Client): void {
  const { terms, ticketLease, uuid } = client
  const [holderLease] = client.holderLeases as [string]
  const request = { ...terms, holderLease, ticketLease, handoffAllowed: true }
  client.isUnsettled = world.rules.looksAfterLoss
  submit(world, client, {
    kind: 'join',
    uuid,
    join: { request, created: NOW, extraOps: [] },
    from: client.snapshots[0]!,
  })
}

function sendGrant({ rules }: World, client: Client, from: readonly Snapshot[]): void {
  const { terms, ticketLease } = client
  const locks = from.map((snapshot, at) => {
    const holderLease = client.holderLeases[at]!
    return { snapshot, request: { ...terms, holderLease, ticketLease, handoffAllowed: from.length === 1 } }
  })
  const transactions = rules.grant(locks, NOW)
  client.isUnsettled = rules.looksAfterLoss
  const parts = transactions.map((transaction, at) => ({ at, from: from[at]!, transaction }))
  client.send({ kind: 'grant', uuid: client.uuid, parts })
}

function leaveQueues({ rules }: World, client: Client): void {
  const { uuid, keys } = client
  const reads = keys.length === 1 ? queueReads : undefined
  client.send(changeOf(client, 'leave queue', snapshot => rules.giveUp(snapshot, uuid, reads))!)
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

/** The answer to a grant, or to leaving the queues. */
export function onCommitted(client: Client, { kind }: Commit, { succeeded, after }: Committed): void {
  for (const snapshot of after) if (snapshot) client.home.learn(snapshot)
  client.see(after)
  if (kind === 'grant') {
    client.isGrantedByUs = succeeded
    client.isUnsettled = false
    // Its ticket may stand behind those that were read.
    const [snapshot] = after
    if (!succeeded && client.keys.length === 1 && !snapshot?.isWhole && !client.hasTickets)
      return client.send({ kind: 'read', why: 'wait' })
  }
  client.stage = 'running'
}

/** A lease of a grant is gone; the ticket's is not while the tickets stand. */
export function onRefused(world: World, client: Client): void {
  world.doom(client.hasTickets ? client.holderLeases : client.leases)
  client.holderLeases = client.keys.map(() => undefined)
  if (!client.hasTickets) client.ticketLease = undefined
  client.isUnsettled = false
  client.stage = 'running'
}

/** Whoever is sent away asks no more: `finish` in `acquire.ts` gives up all leases. */
export function onMarkerRead(world: World, client: Client): void {
  if (!client.keys.some(key => world.etcd.has(key.forced(client.uuid))))
    return attempt(world, client, decide(world, client))
  if (client.isStopped) {
    stop(client)
    client.stage = 'running'
    return
  }
  world.doom(client.leases)
  finish(world, client, 'dismissed')
}

/** What an unanswered grant has done. When it has left nothing it may still come. */
export function onRecoverRead(world: World, client: Client): void {
  client.see(world.look(client))
  const { leases } = client
  if (!client.revocationPending && isValid(world, client)) onRecovered(client)
  else if (leases.length > 0 && world.rules.revokesWhatMayCome) {
    client.revocationPending = true
    client.send({ kind: 'revoke', leases })
  } else client.send({ kind: 'read', why: 'clear' })
}

export function onRevoked(client: Client): void {
  client.revocationPending = false
  client.holderLeases = client.keys.map(() => undefined)
  client.ticketLease = undefined
  client.send({ kind: 'read', why: 'clear' })
}

/** A grant whose lease is gone has left its entry. */
export function onClearRead(world: World, client: Client): void {
  client.see(world.look(client))
  const { uuid } = client
  const clearing = changeOf(
    client,
    'clear',
    snapshot => world.rules.release(snapshot, uuid, NOW, { mostSuccessors: 0 })?.transaction,
  )
  if (clearing) client.send(clearing)
  else onRecovered(client)
}

function onRecovered(client: Client): void {
  client.isUnsettled = false
  client.stage = 'running'
}

/** All is held, or waited for. */
function isValid(world: World, client: Client): boolean {
  const { snapshots, uuid } = client
  if (snapshots.some(({ holders }) => holders.has(uuid))) return isOnOurLeases(world, client)
  return client.hasAllTickets && snapshots.every(snapshot => !keyLocksOf(snapshot).locks.has(uuid))
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
