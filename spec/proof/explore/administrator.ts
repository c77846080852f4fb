import type { LeaseId } from '../../../lib/kv/key-value.js'
import { putMarker } from '../../../lib/protocol/force.js'
import type { LockKey } from '../../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../../lib/protocol/snapshot.js'
import { isStoreError } from '../../../lib/store/store-error.js'
import type { Transaction } from '../../../lib/kv/transaction.js'
import { agedCall, type Call, type Commit, isCommit } from './call.js'
import { uuidOf } from './client.js'
import { Violation } from './invariants.js'
import { keyOf, type LockName, nothingOf } from './lock-names.js'
import { agedSnapshot, NOW } from './time.js'
import type { World } from './world.js'

/** Whose first request is released by force, or sent away, and from which lock. */
export interface Force {
  readonly client: number
  /** x when not given. */
  readonly lock?: LockName
}

/** Takes what an id has of one lock, once, as `forceRelease` does: a holding, or a place in the queue. */
export class Administrator {
  /** `ready`: it may begin at any time. */
  stage: 'ready' | 'calling' | 'done' = 'ready'
  call: Call | undefined
  snapshot: Snapshot
  mayHandOver = true
  /** A release was sent and not answered. */
  isUnsettled = false
  /** Of the marker. It outlives all that is explored. */
  readonly lease: LeaseId = '90'
  /** What it is told: whether it took anything. */
  hasTaken = false

  constructor(
    readonly uuid: string,
    readonly key: LockKey,
  ) {
    this.snapshot = nothingOf(key)
  }

  static for({ client, lock = 'x' }: Force): Administrator {
    return new Administrator(uuidOf(client, 0), keyOf(lock))
  }

  copy(): Administrator {
    return Object.assign(new Administrator(this.uuid, this.key), this)
  }

  /** The clock goes on. */
  age(): void {
    this.call &&= agedCall(this.call)
    this.snapshot = agedSnapshot(this.snapshot)
  }

  begin(world: World): void {
    world.etcd = world.etcd.withLease(this.lease)
    this.send({ kind: 'read', why: 'release' })
  }

  /** Etcd gets the call, and the administrator its answer. */
  answer(world: World): void {
    const call = this.call!
    if (isCommit(call)) return this.commit(world, call)
    if (call.kind !== 'read') return
    if (call.why === 'find the marker') return this.finish(world, world.etcd.has(this.marker.key))
    this.snapshot = world.etcd.truth(this.key)
    if (call.why === 'release') this.release(world)
    else this.evict(world)
  }

  /** Etcd has got the commit, or not, and no answer comes. */
  lose(): void {
    if ((this.call as Commit).kind === 'eviction') return this.send({ kind: 'read', why: 'evict' })
    this.isUnsettled = true
    this.send({ kind: 'read', why: 'release' })
  }

  private commit(world: World, call: Commit): void {
    try {
      const { succeeded, after } = world.commit(call)
      if (succeeded) return this.finish(world, true)
      this.snapshot = after[0]!
      if (call.kind === 'eviction') this.evict(world)
      else this.release(world)
    } catch (error) {
      if (!isStoreError(error, 'lease-not-found')) throw error
      this.mayHandOver = false
      this.send({ kind: 'read', why: 'release' })
    }
  }

  private release(world: World): void {
    const options = this.mayHandOver ? {} : { mostSuccessors: 0 }
    const plan = world.rules.release(this.snapshot, this.uuid, NOW, options)
    if (plan) this.take(world, 'force release', plan.transaction)
    // Its holder may have released it: only the marker tells whether the unanswered release was applied.
    else if (this.isUnsettled && !world.rules.believesInLostAnswers)
      this.send({ kind: 'read', why: 'find the marker' })
    else if (this.isUnsettled) this.finish(world, true)
    else this.send({ kind: 'read', why: 'evict' })
  }

  private evict(world: World): void {
    const { snapshot, uuid } = this
    const leaving = world.rules.giveUp(snapshot, uuid)
    if (leaving) this.take(world, 'eviction', leaving)
    else if (snapshot.holders.has(uuid)) this.release(world)
    else this.send({ kind: 'read', why: 'find the marker' })
  }

  private take({ rules }: World, kind: Commit['kind'], taking: Transaction): void {
    const { uuid, snapshot: from } = this
    const [transaction, extra] = rules.force(taking, this.marker)
    this.send({ kind, uuid, parts: [{ at: 0, from, transaction }], extra })
  }

  private get marker(): ReturnType<typeof putMarker> {
    return putMarker(this.key, this.uuid, { by: 'administrator', reason: 'test' }, this.lease)
  }

  private send(call: Call): void {
    this.stage = 'calling'
    this.call = call
  }

  private finish(world: World, hasTaken: boolean): void {
    this.stage = 'done'
    this.call = undefined
    this.snapshot = nothingOf(this.key)
    this.hasTaken = hasTaken
    const isTaken = world.etcd.has(this.marker.key)
    if (hasTaken && !isTaken)
      throw new Violation(`the administrator is told that it took ${this.uuid}, and no marker tells of that`)
    if (!hasTaken && isTaken)
      throw new Violation(`the administrator is told that ${this.uuid} had nothing, and it has taken it`)
    if (!hasTaken) world.doom([this.lease])
  }
}
