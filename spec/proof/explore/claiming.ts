import type { TransactionResult } from '../../../lib/kv/transaction.js'
import { emptySnapshot, keyLocksOf, type Snapshot } from '../../../lib/protocol/snapshot.js'
import type { Commit } from './call.js'
import type { Client } from './client.js'
import { key } from './etcd.js'
import { finish, hold } from './holding.js'
import { NOW } from './time.js'
import { wait } from './waiting.js'
import type { World } from './world.js'

/** Goes on as `AcquireAttempt.advance` and `AcquireAttempt.withdraw` do, up to the next call or wait. */
export function pursue(world: World, client: Client): void {
  if (client.goal === 'acquire') advance(world, client)
  else withdraw(world, client)
}

function advance(world: World, client: Client): void {
  const { rules } = world
  for (;;) {
    if (client.isUnsettled) return client.send({ kind: 'read', why: 'recover' })
    takeLeases(world, client)
    const step = rules.decide(client.snapshot, client.asked, NOW)
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
    if (step.kind === 'wait') return wait(world, client, step.until)
    return attempt(world, client, step.kind === 'grant' ? client.snapshot : emptySnapshot(key))
  }
}

/** The end of the pursuit without the lock: nothing is watched any more. */
export function stop(client: Client): void {
  client.goal = 'withdraw'
  client.watches = []
  client.timer = 'none'
  client.isStale = false
}

export function withdraw(world: World, client: Client): void {
  const { rules } = world
  for (;;) {
    if (client.isUnsettled) return client.send({ kind: 'read', why: 'recover' })
    if (client.isGuess) return client.send({ kind: 'read', why: 'withdraw' })
    const { snapshot, uuid } = client
    const transaction = rules.giveUp(snapshot, uuid)
    if (transaction) return client.send({ kind: 'leave queue', from: snapshot, transaction })
    const step = rules.decide(snapshot, client.asked, NOW)
    if (step.kind === 'held') {
      if (confirm(world, client)) return
    } else if (step.kind === 'lost') client.isUnsettled = true
    else {
      client.idleHolder = client.holderLease
      client.idleTicket = client.ticketLease
      return finish(client)
    }
  }
}

/** Whether what is held counts from now on, or that is to be found out: a young lease is believed in without a look. */
function confirm(world: World, client: Client): boolean {
  if (!isOnOurLease(world, client)) {
    client.isUnsettled = true
    return false
  }
  if (world.etcd.leases.has(client.holderLease!)) hold(world, client)
  else client.stage = 'doubting'
  return true
}

function isOnOurLease({ rules }: World, { snapshot, uuid, holderLease }: Client): boolean {
  return !rules.comparesLease || snapshot.holders.get(uuid)?.lease === holderLease
}

function attempt(world: World, client: Client, from: Snapshot): void {
  const request = {
    ...client.asked,
    holderLease: client.holderLease!,
    ticketLease: client.ticketLease,
    handoffAllowed: true,
  }
  const { transaction } = world.rules.grant(from, request, NOW)
  client.isUnsettled = world.rules.looksAfterLoss
  client.send({ kind: 'grant', from, transaction })
}

/** The answer to a grant, or to leaving the queue. */
export function onCommitted(world: World, client: Client, call: Commit, result: TransactionResult): void {
  client.see(world.rules.applyResult(call.from, call.transaction, result))
  if (call.kind === 'grant') {
    client.isGrantedByUs = result.succeeded
    client.isUnsettled = false
  }
  client.stage = 'running'
}

/** A lease of a grant is gone; the ticket's is not while the ticket stands. */
export function onRefused(world: World, client: Client): void {
  world.doom(client.hasTicket ? [client.holderLease] : client.leases)
  client.holderLease = undefined
  if (!client.hasTicket) client.ticketLease = undefined
  client.isUnsettled = false
  client.stage = 'running'
}

/** What an unanswered grant has done. When it has left no trace it may still come. */
export function onRecoverRead(world: World, client: Client): void {
  client.see(world.etcd.truth)
  const { leases } = client
  if (stands(world, client)) settled(client)
  else if (leases.length > 0 && world.rules.revokesWhatMayCome) client.send({ kind: 'revoke', leases })
  else client.send({ kind: 'read', why: 'clear' })
}

export function onRevoked(client: Client): void {
  client.holderLease = undefined
  client.ticketLease = undefined
  client.send({ kind: 'read', why: 'clear' })
}

/** A grant whose lease is gone has left its entry. */
export function onClearRead(world: World, client: Client): void {
  client.see(world.etcd.truth)
  const { snapshot, uuid } = client
  const left = world.rules.release(snapshot, uuid, NOW, { mostSuccessors: 0 })
  if (left) client.send({ kind: 'clear', from: snapshot, transaction: left.transaction })
  else settled(client)
}

function settled(client: Client): void {
  client.isUnsettled = false
  client.stage = 'running'
}

function stands(world: World, client: Client): boolean {
  const { snapshot, uuid } = client
  if (snapshot.holders.has(uuid)) return isOnOurLease(world, client)
  return client.hasTicket && !keyLocksOf(snapshot).locks.has(uuid)
}

function takeLeases(world: World, client: Client): void {
  client.holderLease ??= client.idleHolder ?? world.mint(client)
  client.idleHolder = undefined
  if (!client.waits) return
  client.ticketLease ??= client.idleTicket ?? world.mint(client)
  client.idleTicket = undefined
}
