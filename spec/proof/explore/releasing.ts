import type { TransactionResult } from '../../../lib/kv/transaction.js'
import type { Commit } from './call.js'
import type { Client } from './client.js'
import { finish } from './holding.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** Releases as `Releasing` does: first from what its process saw last. */
export function startRelease(client: Client): void {
  client.goal = 'release'
  client.stage = 'running'
  client.mayLearn = false
  client.snapshot = client.guess
  client.isGuess = true
}

export function release(world: World, client: Client): void {
  const { snapshot, uuid, mayHandOver } = client
  const plan = world.rules.release(snapshot, uuid, NOW, mayHandOver ? {} : { mostSuccessors: 0 })
  if (plan) client.send({ kind: 'release', from: snapshot, transaction: plan.transaction })
  else if (client.isGuess) client.send({ kind: 'read', why: 'release' })
  else leave(world, client, false)
}

export function onReleaseRead({ etcd }: World, client: Client): void {
  client.see(etcd.truth)
  client.stage = 'running'
}

export function onReleased(world: World, client: Client, call: Commit, result: TransactionResult): void {
  client.see(world.rules.applyResult(call.from, call.transaction, result))
  if (result.succeeded) leave(world, client, !client.isUnsettled)
  else client.stage = 'running'
}

/** One who stays, or waits, has lost his lease: nobody is handed the lock. */
export function onReleaseRefused(client: Client): void {
  client.mayHandOver = false
  client.send({ kind: 'read', why: 'release' })
}

/** It may have been applied. */
export function onReleaseLost(client: Client): void {
  client.isUnsettled = true
  client.send({ kind: 'read', why: 'release' })
}

/** A handle has seen that it lost the lock: it does not release. */
export function notice(world: World, client: Client): void {
  client.wentAway = true
  leave(world, client, false)
}

function leave(world: World, client: Client, isClean: boolean): void {
  if (isClean) client.idleHolder = client.holderLease
  else world.doom([client.holderLease])
  finish(client)
}
