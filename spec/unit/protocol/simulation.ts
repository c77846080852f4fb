import { isDeepStrictEqual } from 'node:util'
import { expect } from '@jest/globals'
import { byBytes, isWithin, type KeyRange, type KeyValue, type LeaseId } from '../../../lib/kv/key-value.js'
import type { Transaction, TransactionResult } from '../../../lib/kv/transaction.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { applyComposition, compose } from '../../../lib/protocol/compose.js'
import { decide } from '../../../lib/protocol/decide.js'
import { extend } from '../../../lib/protocol/extend.js'
import { giveUp } from '../../../lib/protocol/give-up.js'
import { grant } from '../../../lib/protocol/grant.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { release } from '../../../lib/protocol/release.js'
import type { Request } from '../../../lib/protocol/request.js'
import {
  emptySnapshot,
  keyLocksOf,
  readSnapshot,
  applyResult,
  type Snapshot,
  snapshotReads,
} from '../../../lib/protocol/snapshot.js'
import { KeySpace } from '../../../lib/store/memory/key-space.js'
import { isStoreError } from '../../../lib/store/store-error.js'
import { expectEqual } from '../../support/expect-equal.js'
import { withShortLists } from '../../support/short-lists.js'

/** What one client does next, from the snapshot that is `age` old. */
export interface Action {
  readonly kind:
    'acquire' | 'release' | 'together' | 'giveUp' | 'extend' | 'loseLease' | 'crash' | 'deleteByHand'
  readonly client: number
  readonly age: number
  /** Of the next request of this client. */
  readonly concurrency: number
  readonly waits: boolean
  readonly seconds: number
}

interface Client {
  /** How wrong its clock is, seconds. */
  readonly skew: number
  request: Request
  isHolding: boolean
  /** Of the last grant. */
  token: bigint
}

const key = new LockKey('custom', 'name')
const ttl = 30

/** Clients on one lock, one transaction at a time, checked at every step. */
export class Simulation {
  readonly stats = {
    granted: 0,
    grantedFromOld: 0,
    settledFromOld: 0,
    queued: 0,
    failed: 0,
    handedOver: 0,
    together: 0,
    behind: 0,
  }
  private readonly leases = new Set<LeaseId>()
  private readonly keySpace = new KeySpace(id => this.leases.has(id))
  private readonly known: Snapshot[] = [emptySnapshot(key)]
  private readonly clients: Client[]
  private time = Timestamp.parse('2023-07-16 16:46:52')
  private serial = 0
  private lastToken = 0n
  /** Who was granted, in order. */
  private readonly served: string[] = []

  constructor(
    skews: readonly number[],
    /** Whether keys vanish only by the clients' transactions. */
    private readonly isUndisturbed: boolean,
  ) {
    this.clients = skews.map((skew, at) => ({
      skew,
      request: this.newRequest(at, 1, true),
      isHolding: false,
      token: 0n,
    }))
  }

  act(action: Action): void {
    this.step(action)
    if (!this.isUndisturbed) return
    const holding = this.clients.filter(client => client.isHolding).map(({ request }) => request.uuid)
    expectEqual(new Set(this.read().holders.keys()), new Set(holding))
  }

  /** Everybody leaves, those who wait in their order; then nothing is left. */
  drain(): void {
    const queue = [...this.read().tickets.keys()]
    const before = this.served.length
    const last = { concurrency: 1, waits: false }
    for (let round = 0; round <= 2 * this.clients.length; round++) {
      this.time = this.time.plusSeconds(1_000)
      for (const client of this.clients) {
        if (client.isHolding) this.release(client, this.read(), last)
        else if (this.read().tickets.has(client.request.uuid)) this.acquire(client, this.read())
      }
    }
    expectEqual(this.served.slice(before), queue)
    const [client] = this.clients
    this.acquire(client!, this.read())
    this.release(client!, this.read(), last)
    expectEqual(this.keySpace.range({ key: '\0', end: '\u{10ffff}' }), [])
  }

  private step(action: Action): void {
    const client = this.clients[action.client % this.clients.length]!
    const seen = this.known[Math.max(0, this.known.length - 1 - action.age)]!
    this.time = this.time.plusSeconds(action.seconds)
    switch (action.kind) {
      case 'acquire':
        return client.isHolding ? undefined : this.acquire(client, seen)
      case 'release':
        return client.isHolding ? this.release(client, seen, action) : undefined
      case 'together':
        return this.together(seen, action)
      case 'giveUp':
        return client.isHolding ? undefined : this.giveUp(client, seen, action)
      case 'extend':
        return client.isHolding ? this.extend(client, seen) : undefined
      case 'loseLease':
        return client.isHolding ? this.revoke(client.request.holderLease) : undefined
      case 'crash':
        this.revoke(client.request.holderLease)
        if (client.request.ticketLease) this.revoke(client.request.ticketLease)
        return this.restart(client, action)
      case 'deleteByHand':
        this.keySpace.run({ compare: [], success: [{ type: 'delete', key: key.path }], failure: [] })
        this.known.push(this.read())
    }
  }

  private acquire(client: Client, seen: Snapshot): void {
    const { request } = client
    const step = decide(seen, request, this.clockOf(client))
    if (step.kind === 'wait' || step.kind === 'held') return
    const from = step.kind === 'grant' ? seen : emptySnapshot(key)
    const { transaction } = grant(from, request, this.clockOf(client))
    const before = this.read()
    if (this.commit(from, transaction)) {
      this.noteGranted(client, before)
      if (from.revision < before.revision) this.stats.grantedFromOld++
      return
    }
    this.stats.queued += Number(this.read().tickets.size > before.tickets.size)
    if (request.ticketLease === undefined) expectEqual(this.keySpace.revision, before.revision)
  }

  private release(client: Client, seen: Snapshot, next: Pick<Action, 'concurrency' | 'waits'>): void {
    const { uuid } = client.request
    const from = release(seen, uuid, this.clockOf(client)) ? seen : this.read()
    const plan = release(from, uuid, this.clockOf(client))
    const before = this.read()
    if (plan && !this.commit(from, plan.transaction)) return
    const after = this.read()
    expectEqual(after.holders.has(uuid) || keyLocksOf(after).locks.has(uuid), false)
    this.noteHandedOver(before, after)
    this.restart(client, next)
  }

  /** All clients are of one process: what several of them want is one transaction, which reads short lists. */
  private together(seen: Snapshot, action: Action): void {
    const before = this.read()
    const wanting = this.clients.filter((_, at) => (action.age + at) % 3 > 0)
    const leaving = wanting.filter(({ isHolding, request }) => isHolding && seen.holders.has(request.uuid))
    const coming = wanting.filter(({ isHolding, request }) => !isHolding && !before.tickets.has(request.uuid))
    const wanted = {
      releases: leaving.map(({ request }) => request.uuid),
      joins: coming.map(each => ({ request: each.request, created: this.clockOf(each), extraOps: [] })),
      mostSuccessors: Infinity,
      isLocal: () => action.waits,
    }
    if (leaving.length + coming.length === 0) return
    const composed = compose(seen, wanted, this.clockOf(wanting[0]!))
    const composition = { ...composed, transaction: withShortLists(composed.transaction, 4) }
    let result: TransactionResult
    try {
      result = this.keySpace.run(composition.transaction).result
    } catch (error) {
      if (this.isUndisturbed || !isStoreError(error, 'lease-not-found')) throw error
      return
    }
    const truth = this.read()
    const after = applyComposition(seen, composition, result)
    this.known.push(truth, after)
    if (this.isUndisturbed) checkKeyLocks(truth)
    checkBeginning(after, truth)
    if (!result.succeeded) return
    this.stats.together += Number(leaving.length > 0 && coming.length > 0)
    this.stats.behind += composition.successors.length > 0 ? composition.granted.length : 0
    for (const client of coming)
      if (composition.granted.includes(client.request.uuid)) this.noteGranted(client, before)
    this.noteHandedOver(before, truth)
    for (const client of leaving) this.restart(client, action)
  }

  /** Those who left the queue for the lock are its first, and as many as fit. */
  private noteHandedOver(before: Snapshot, after: Snapshot): void {
    const queue = [...before.tickets.keys()]
    const handed = queue.filter(uuid => after.holders.has(uuid))
    expectEqual(handed, queue.slice(0, handed.length))
    for (const uuid of handed) {
      this.noteGranted(
        this.clients.find(({ request }) => request.uuid === uuid)!,
        before,
      )
    }
    this.stats.handedOver += handed.length
  }

  private noteGranted(client: Client, before: Snapshot): void {
    const { uuid } = client.request
    client.isHolding = true
    client.token = this.checkGrant(before, uuid)
    this.stats.granted++
    this.served.push(uuid)
  }

  private giveUp(client: Client, seen: Snapshot, next: Action): void {
    const { uuid } = client.request
    const from = seen.tickets.has(uuid) ? seen : this.read()
    const transaction = giveUp(from, uuid)
    if (transaction) this.commit(from, transaction, 'ticket')
    expectEqual(this.read().tickets.has(client.request.uuid), false)
    this.restart(client, next)
  }

  private extend(client: Client, seen: Snapshot): void {
    const { uuid, holderLease } = client.request
    const lease = this.newLease()
    const now = this.clockOf(client)
    const transaction = extend(seen, { uuid, ttl: 2 * ttl, lease }, now)
    if (!transaction || !this.commit(seen, transaction)) return
    client.request = { ...client.request, holderLease: lease }
    this.revoke(holderLease)
    expect(this.read().holders.get(uuid)).toMatchObject({ lease, createRevision: client.token })
  }

  /** @param relied on which part of the snapshot the transaction succeeds. */
  private commit(
    before: Snapshot,
    transaction: Transaction,
    relied: 'keyLocks' | 'ticket' = 'keyLocks',
  ): boolean {
    const isTrue = isDeepStrictEqual(textOf(before), textOf(this.read()))
    let result: TransactionResult
    // Its scope tells of no other keys: it may travel in one call with others.
    expectEqual(keysOutside(transaction), [])
    try {
      result = this.keySpace.run(transaction).result
    } catch (error) {
      if (this.isUndisturbed || !isStoreError(error, 'lease-not-found')) throw error
      return false
    }
    const truth = this.read()
    const after = applyResult(before, transaction, result)
    checkBeginning(after, truth)
    if (!result.succeeded || isTrue) expectEqual(textOf(after), textOf(truth))
    else if (this.isUndisturbed && relied === 'keyLocks') {
      expectEqual({ ...textOf(after), tickets: [] }, { ...textOf(truth), tickets: [] })
      this.stats.settledFromOld++
    }
    if (!result.succeeded) this.stats.failed++
    if (this.isUndisturbed) checkKeyLocks(truth)
    this.known.push(truth, after)
    return result.succeeded
  }

  private checkGrant(before: Snapshot, uuid: string): bigint {
    const after = this.read()
    const [first] = [...before.tickets.keys()].filter(id => id === uuid || !after.holders.has(id))
    expectEqual(first ?? uuid, uuid)
    expectEqual(after.tickets.has(uuid), false)
    const { locks } = keyLocksOf(after)
    const limits = [...after.holders.keys()].map(id => locks.get(id)!.concurrency || Infinity)
    expect(limits.length).toBeLessThanOrEqual(Math.min(...limits))
    const token = after.holders.get(uuid)!.createRevision
    const isShared = [...after.holders.values()].filter(kv => kv.createRevision === token).length > 1
    if (isShared) expect(token).toBeGreaterThanOrEqual(this.lastToken)
    else expect(token).toBeGreaterThan(this.lastToken)
    this.lastToken = token
    return token
  }

  private read(): Snapshot {
    const { result } = this.keySpace.run({ compare: [], success: snapshotReads(key), failure: [] })
    return readSnapshot(key, result)
  }

  private revoke(lease: LeaseId): void {
    this.leases.delete(lease)
    const attached = this.keySpace.range({ key: '\0', end: '\u{10ffff}' }).filter(kv => kv.lease === lease)
    const success = attached.map(kv => ({ type: 'delete' as const, key: kv.key }))
    this.keySpace.run({ compare: [], success, failure: [] })
    this.known.push(this.read())
  }

  private restart(client: Client, { concurrency, waits }: Pick<Action, 'concurrency' | 'waits'>): void {
    client.request = this.newRequest(this.clients.indexOf(client), concurrency, waits)
    client.isHolding = false
  }

  /** All requests of a client have the same keys, one after the other. */
  private newRequest(at: number, concurrency: number, waits: boolean): Request {
    const ticketLease = waits ? this.newLease() : undefined
    const uuid = `0000000${at}-0000-8000-8000-${String(this.serial++).padStart(12, '0')}`
    return {
      uuid,
      owner: 'tester',
      concurrency,
      ttl,
      holderLease: this.newLease(),
      ticketLease,
      handoffAllowed: true,
    }
  }

  private newLease(): LeaseId {
    const lease = String(++this.serial)
    this.leases.add(lease)
    return lease
  }

  private clockOf({ skew }: Client): Timestamp {
    return this.time.plusSeconds(skew)
  }
}

/** The tickets that are known and stand are the first of the queue: nobody stands unknown before or between them. */
function checkBeginning(known: Snapshot, truth: Snapshot): void {
  if (known.isWhole) expectEqual([...known.tickets.keys()], [...truth.tickets.keys()])
  const standing = [...known.tickets.keys()].filter(uuid => truth.tickets.has(uuid))
  expectEqual(standing, [...truth.tickets.keys()].slice(0, standing.length))
}

/** Each entry has its holder key; a sole holder's lease takes the KeyLocks along. */
function checkKeyLocks(truth: Snapshot): void {
  const holders = [...truth.holders.values()]
  expectEqual(new Set(keyLocksOf(truth).locks.keys()), new Set(truth.holders.keys()))
  expectEqual(truth.keyLocks?.lease, holders.length === 1 ? holders[0]!.lease : undefined)
}

function textOf({ revision, keyLocks, holders, tickets }: Snapshot): Record<string, unknown> {
  const texts = (kvs: Iterable<KeyValue>): string[] =>
    [...kvs].map(kv => [kv.key, kv.value, kv.createRevision, kv.modRevision, kv.lease].join(' '))
  return {
    revision: String(revision),
    keyLocks: texts(keyLocks ? [keyLocks] : []),
    holders: texts(holders.values()).sort(),
    tickets: texts(tickets.values()),
  }
}

/** What it touches besides the keys of its lock. */
function keysOutside({ compare, success, failure }: Transaction): string[] {
  const own: readonly KeyRange[] = [{ key: key.path }, key.holders, key.tickets, key.markers]
  const isOwn = (range: KeyRange): boolean =>
    own.some(
      each =>
        isWithin(range.key, each) && (range.end === undefined || byBytes(range.end, each.end ?? '') <= 0),
    )
  return [...compare, ...success, ...failure].filter(each => !isOwn(each)).map(each => each.key)
}
