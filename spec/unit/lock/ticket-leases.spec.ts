import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import type { KeyValue } from '../../../lib/kv/key-value.js'
import type { Op, Transaction } from '../../../lib/kv/transaction.js'
import { acquire, type WaitOptions } from '../../../lib/lock/acquire/acquire.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import type { Holding } from '../../../lib/lock/engine/holdings.js'
import { releaseById } from '../../../lib/lock/release/release.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { idIn, LockKey } from '../../../lib/protocol/lock-key.js'
import { inOrder } from '../../../lib/protocol/snapshot.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import type { Store } from '../../../lib/store/store.js'
import { systemHost } from '../../../lib/lock/engine/host.js'
import { eventually } from '../../support/eventually.js'
import { type Fault, FaultyStore, lineFaults } from '../../support/faulty-store.js'

const TICKET_TTL = 15
const MOST_USERS = 128
const TTL = 30
const key = new LockKey('custom', 'name')

let memory: MemoryStore
let line: FaultyStore
let us: Engine
let rival: Engine
/** What befalls the first transaction that puts the ticket of this id. */
let trouble: { readonly uuid: string; fault: Fault | undefined } | undefined
/** The leases that we were granted for tickets. */
let granted: string[]
let holding: Holding
const waiting = new Map<string, Promise<Holding>>()

beforeEach(async () => {
  memory = new MemoryStore()
  line = new FaultyStore(memory)
  granted = []
  trouble = undefined
  waiting.clear()
  const log = pino({ level: 'silent' })
  us = new Engine(watched(line), systemHost, log)
  rival = new Engine(memory, systemHost, log)
  const terms = { uuid: newLockId(), owner: 'rival', concurrency: 1, ttl: TTL }
  ;[holding] = (await acquire(rival, [{ key, terms }], { waitMs: 0 })) as [Holding]
})
afterEach(async () => {
  await Promise.all([us.close(), rival.close(), ...[...waiting.values()].map(each => each.catch(() => {}))])
  await memory.close()
})

function watched(store: FaultyStore): Store {
  return {
    commit: (transaction, options) => {
      const { fault, uuid } = trouble ?? {}
      if (fault && putsTicket(transaction, uuid!)) {
        trouble!.fault = undefined
        store.befall(1, fault)
      }
      return store.commit(transaction, options)
    },
    watch: (range, listener) => store.watch(range, listener),
    leases: {
      ...store.leases,
      grant: async (ttl, options) => {
        const lease = await store.leases.grant(ttl, options)
        if (ttl === TICKET_TTL) granted.push(lease.id)
        return lease
      },
    },
    close: () => Promise.resolve(),
  }
}

function putsTicket({ success, failure }: Transaction, uuid: string): boolean {
  const isIt = (op: Op): boolean => op.type === 'put' && op.key === key.ticket(uuid)
  return success.some(isIt) || failure.some(isIt)
}

/** Begins to wait. */
function request(options: Partial<WaitOptions> = {}, uuid = newLockId()): string {
  const terms = { uuid, owner: 'us', concurrency: 1, ttl: TTL }
  const acquiring = acquire(us, [{ key, terms }], { waitMs: 60_000, ...options }).then(([first]) => first!)
  acquiring.catch(() => {})
  waiting.set(uuid, acquiring)
  return uuid
}

/** Resolves to the id when its ticket stands. */
async function queue(options: Partial<WaitOptions> = {}, id = newLockId()): Promise<string> {
  const uuid = request(options, id)
  await eventually(async () => expect((await tickets()).map(idIn)).toContain(uuid))
  return uuid
}

async function tickets(): Promise<KeyValue[]> {
  const range = { type: 'range' as const, ...key.tickets }
  const { results } = await memory.commit({ compare: [], success: [range], failure: [] })
  return inOrder(results[0]!)
}

const placesOf = (queue: readonly KeyValue[]): unknown[] =>
  queue.map(({ key, createRevision }) => [key, createRevision])

/** All get the lock, one after the other. */
async function expectServed(ids: readonly string[]): Promise<void> {
  await releaseById(rival, [key], holding.uuid)
  for (const uuid of ids) {
    await waiting.get(uuid)
    await releaseById(us, [key], uuid)
  }
}

async function expectNothingLeft(): Promise<void> {
  const range = { type: 'range' as const, key: '/', end: '0' }
  await eventually(async () =>
    expect((await memory.commit({ compare: [], success: [range], failure: [] })).results[0]).toEqual([]),
  )
}

/** Whether its waiter cannot have found it. */
const isLost = (name: string): boolean => ['never applied', 'applied when all is over'].includes(name)

describe.each(lineFaults)('a ticket whose put is %s', (name, fault) => {
  it('costs none of those that share its lease their places, and is not left behind', async () => {
    const others = [await queue(), await queue(), await queue()]
    const before = await tickets()
    const newcomer = newLockId()
    trouble = { uuid: newcomer, fault }
    await queue({}, newcomer)
    if (isLost(name)) expect(granted).toHaveLength(2)
    await line.arrive()
    await eventually(async () => {
      const after = await tickets()
      expect(after.map(idIn)).toEqual([...others, newcomer])
      expect(placesOf(after.slice(0, 3))).toEqual(placesOf(before))
      expect(new Set(after.map(({ lease }) => lease))).toEqual(new Set([granted.at(-1)]))
    })
    if (isLost(name)) expect(await memory.leases.remaining(granted[0]!)).toBeUndefined()
    await expectServed([...others, newcomer])
    await expectNothingLeft()
  })

  it('is not left behind when its waiter has given up', async () => {
    const others = [await queue(), await queue()]
    const before = await tickets()
    const leaving = newLockId()
    const controller = new AbortController()
    const enough = new Error('enough')
    trouble = {
      uuid: leaving,
      fault: (work, store) => {
        controller.abort(enough)
        return fault(work, store)
      },
    }
    request({ signal: controller.signal }, leaving)
    await expect(waiting.get(leaving)).rejects.toBe(enough)
    await eventually(() => expect(us.waits.size).toBe(others.length))
    await line.arrive()
    await eventually(async () => expect(placesOf(await tickets())).toEqual(placesOf(before)))
    await expectServed(others)
    await expectNothingLeft()
  })
})

it('a lease that has ended ends all tickets on it, whose waiters come back', async () => {
  const ids = [await queue(), await queue(), await queue()]
  await memory.leases.revoke(granted[0]!)
  expect(await tickets()).toEqual([])
  // Etcd refuses the newcomer's ticket, so the lease is looked at.
  ids.push(await queue())
  await eventually(async () => expect(new Set((await tickets()).map(idIn))).toEqual(new Set(ids)))
  expect(granted).toHaveLength(2)
  await expectServed((await tickets()).map(idIn))
  await expectNothingLeft()
})

it('the refusal of a put on an ended lease of a holder costs the others nothing', async () => {
  const elsewhere = new LockKey('custom', 'elsewhere')
  const terms = { uuid: newLockId(), owner: 'us', concurrency: 1, ttl: TTL }
  const [other] = await acquire(us, [{ key: elsewhere, terms }], { waitMs: 0 })
  await queue()
  const before = await tickets()
  await releaseById(us, [elsewhere], terms.uuid)
  await memory.leases.revoke(other!.lease.id)
  await queue()
  expect((await tickets()).slice(0, 1)).toEqual(before)
  expect(granted).toHaveLength(1)
})

it('a lease is shared by so many tickets that they can move soon, and serves others when they are gone', async () => {
  const controller = new AbortController()
  const many = Array.from({ length: MOST_USERS + 1 }, () => newLockId())
  await Promise.all(many.map(uuid => queue({ signal: controller.signal }, uuid)))
  expect(granted).toHaveLength(2)
  const leases = (await tickets()).map(({ lease }) => lease)
  expect(leases.filter(lease => lease === granted[0])).toHaveLength(MOST_USERS)
  controller.abort()
  await Promise.all(many.map(uuid => waiting.get(uuid)!.catch(() => {})))
  await eventually(() => expect(us.waits.size).toBe(0))
  await Promise.all(Array.from({ length: MOST_USERS + 1 }, () => queue()))
  expect(granted).toHaveLength(2)
})
