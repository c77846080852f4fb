import type { Transaction } from '../../../lib/kv/transaction.js'
import { isStoreError } from '../../../lib/store/store-error.js'
import type { Administrator } from './administrator.js'
import { type Commit, isCommit } from './call.js'
import { Violation } from './invariants.js'
import { nothingOf } from './lock-names.js'
import { NOW } from './time.js'
import type { World } from './world.js'

/** Takes what the id has, as `forceRelease` does: first by a release. */
export function beginForce(world: World, self: Administrator): void {
  world.etcd = world.etcd.withLease(self.lease)
  self.send({ kind: 'read', why: 'release' })
}

/** Etcd gets the call, and the administrator its answer. */
export function answerForce(world: World, self: Administrator): void {
  const call = self.call!
  if (isCommit(call)) return commit(world, self, call)
  if (call.kind !== 'read') return
  if (call.why === 'find the marker') return finish(world, self, world.etcd.has(self.marker.key))
  self.snapshot = world.etcd.truth(self.key)
  if (call.why === 'release') release(world, self)
  else evict(world, self)
}

/** Etcd has got the commit, or not, and no answer comes. */
export function loseForce(self: Administrator, { kind }: Commit): void {
  if (kind === 'eviction') return self.send({ kind: 'read', why: 'evict' })
  self.isUnsettled = true
  self.send({ kind: 'read', why: 'release' })
}

function commit(world: World, self: Administrator, call: Commit): void {
  try {
    const { succeeded, after } = world.commit(call)
    if (succeeded) return finish(world, self, true)
    self.snapshot = after[0]!
    if (call.kind === 'eviction') evict(world, self)
    else release(world, self)
  } catch (error) {
    if (!isStoreError(error, 'lease-not-found')) throw error
    self.mayHandOver = false
    self.send({ kind: 'read', why: 'release' })
  }
}

function release(world: World, self: Administrator): void {
  const options = self.mayHandOver ? {} : { mostSuccessors: 0 }
  const plan = world.rules.release(self.snapshot, self.uuid, NOW, options)
  if (plan) take(world, self, 'force release', plan.transaction)
  else if (!self.isUnsettled) self.send({ kind: 'read', why: 'evict' })
  else if (world.rules.believesInLostAnswers) finish(world, self, true)
  // Its holder may have released it: only the marker tells whether the unanswered release was applied.
  else self.send({ kind: 'read', why: 'find the marker' })
}

function evict(world: World, self: Administrator): void {
  const { snapshot, uuid } = self
  const leaving = world.rules.giveUp(snapshot, uuid)
  if (leaving) take(world, self, 'eviction', leaving)
  else if (snapshot.holders.has(uuid)) release(world, self)
  else self.send({ kind: 'read', why: 'find the marker' })
}

function take({ rules }: World, self: Administrator, kind: Commit['kind'], taking: Transaction): void {
  const { uuid, snapshot: from, marker } = self
  const [transaction, extra] = rules.force(taking, marker)
  self.send({ kind, uuid, parts: [{ at: 0, from, transaction }], extra })
}

function finish(world: World, self: Administrator, hasTaken: boolean): void {
  self.stage = 'done'
  self.call = undefined
  self.snapshot = nothingOf(self.key)
  self.hasTaken = hasTaken
  const isTaken = world.etcd.has(self.marker.key)
  if (hasTaken && !isTaken)
    throw new Violation(`the administrator is told that it took ${self.uuid}, and no marker tells of that`)
  if (!hasTaken && isTaken)
    throw new Violation(`the administrator is told that ${self.uuid} had nothing, and it has taken it`)
  if (!hasTaken) world.doom([self.lease])
}
