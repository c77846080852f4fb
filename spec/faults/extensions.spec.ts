import { systemHost } from '../../lib/lock/engine/host.js'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { Engine } from '../../lib/lock/engine/engine.js'
import { extendById, extendOwn } from '../../lib/lock/extend/extend.js'
import { rewrite } from '../../lib/lock/extend/rewrite.js'
import type { Held, HeldLock } from '../../lib/lock/hold/held-lock.js'
import type { Lease } from '../../lib/lock/leases/lease.js'
import { Lock } from '../../lib/lock/api/lock.js'
import { LockHandle } from '../../lib/lock/hold/lock-handle.js'
import { releaseById } from '../../lib/lock/release/release.js'
import { LockIds } from '../../lib/model/lock-ids.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { Snapshot } from '../../lib/protocol/snapshot.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import type { Store } from '../../lib/store/store.js'
import { StoreError } from '../../lib/store/store-error.js'
import { FaultyStore } from '../support/faulty-store.js'
import { eventually } from '../support/eventually.js'
import { World } from '../support/world.js'

const unreachable = (): StoreError => new StoreError('unreachable', 'The test cut the line.')

describe('an extension', () => {
  let memory: MemoryStore
  let line: FaultyStore
  let us: Lock
  let onlooker: Lock
  /** Another process, whose revocations arrive when {@link revoke} is called. */
  let other: Lock
  let revoke: () => void
  let locks: Lock[]

  const make = (store: Store, owner: string): Lock => {
    const lock = new Lock({ store, prefix: 'custom', owner, dryRun: false })
    locks.push(lock)
    return lock
  }
  beforeEach(() => {
    locks = []
    memory = new MemoryStore()
    line = new FaultyStore(memory)
    us = make(line, 'us')
    onlooker = make(memory, 'onlooker')
    const late = new Promise<void>(resolve => (revoke = resolve))
    const theirs = new FaultyStore(memory)
    Object.assign(theirs.leases, { revoke: (id: string) => late.then(() => memory.leases.revoke(id)) })
    other = make(theirs, 'other')
  })
  afterEach(async () => {
    revoke()
    await Promise.all(locks.map(lock => lock.close()))
    await memory.close()
  })

  const blind = (): void => {
    line.watch = () => ({ ready: new Promise(() => {}), close: () => {} })
  }
  /** The call with this number is applied, then `meanwhile` happens, and no answer comes. */
  const unanswered = (number: number, meanwhile: () => Promise<unknown> = () => Promise.resolve()): void =>
    line.befall(number, async work => {
      await work()
      await meanwhile()
      throw unreachable()
    })
  const settled = async (): Promise<void> => {
    revoke()
    await delay(100)
  }
  const expectHeld = async (held: Held, ...names: string[]): Promise<void> => {
    for (const name of names) expect((await onlooker.inspect(name)).holders).toHaveLength(1)
    expect(held.signal.reason).toBeUndefined()
    held.assertHeld()
  }
  const readGrantAndMove = 3
  const readTwoGrantsAndMove = 4

  it('that was not answered, and overtaken by one that revokes late, finds a lease of its own', async () => {
    const held = await us.hold('a', { concurrency: 1, ttl: 60 })
    unanswered(readGrantAndMove, () => other.extend('a', held.id, 90))
    await held.extend(600)
    await settled()
    await expectHeld(held, 'a')
    expect(held.remaining()).toBeGreaterThan(500)
  })

  it('of a set that was not answered, and overtaken at one of them, keeps them all', async () => {
    const held = await us.acquireAll(['a', 'b'].map(name => ({ name, concurrency: 1, ttl: 60 })))
    unanswered(readTwoGrantsAndMove, () => other.extend('b', held.id, 90))
    await held.extend(600)
    await settled()
    await expectHeld(held, 'a', 'b')
    expect(held.remaining()).toBeGreaterThan(500)
  })

  it('of what was released meanwhile leaves its lease to whoever has it now', async () => {
    const held = await us.hold('a', { concurrency: 1, ttl: 60 })
    line.befall(readGrantAndMove, async work => {
      await us.release('a', held.id)
      await us.acquire('b', { concurrency: 1, ttl: 60 })
      return work()
    })
    await expect(held.extend(600)).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'released-elsewhere' })
    await us.close()
    expect((await onlooker.inspect('b')).holders).toHaveLength(1)
  })

  it('that was seen, though not answered, and released leaves its lease to whoever has it now', async () => {
    const held = await us.hold('a', { concurrency: 1, ttl: 60 })
    const before = line.calls
    await eventually(() => expect(line.calls).toBeGreaterThan(before))
    unanswered(readGrantAndMove, async () => {
      await eventually(() => expect(held.remaining()).toBeGreaterThan(500))
      await us.release('a', held.id)
      await us.acquire('b', { concurrency: 1, ttl: 600 })
    })
    await expect(held.extend(600)).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'released-elsewhere' })
    await us.close()
    expect((await onlooker.inspect('b')).holders).toHaveLength(1)
  })

  it.each<[string, (held: HeldLock) => Promise<unknown>]>([
    ['its handle', held => held.release()],
    ['its id', held => us.release('a', held.id)],
  ])('that is answered after its release by %s leaves the next lock its lease', async (_, release) => {
    const held = await us.hold('a', { concurrency: 1, ttl: 60 })
    const before = line.calls
    await eventually(() => expect(line.calls).toBeGreaterThan(before))
    line.befall(readGrantAndMove, async work => {
      const answer = await work()
      await eventually(() => expect(held.remaining()).toBeGreaterThan(500))
      await release(held)
      await us.acquire('b', { concurrency: 1, ttl: 600 })
      await eventually(() => expect(held.remaining()).toBe(0))
      return answer
    })
    await expect(held.extend(600)).rejects.toMatchObject({ code: 'LOCK_LOST' })
    await us.close()
    expect((await onlooker.inspect('b')).holders).toHaveLength(1)
  })

  it.each([
    ['the look', 60],
    ['the grant of its lease', 60],
    ['the move', 600],
  ])('whose Lock is closed during %s leaves what is held', async (call, ttl) => {
    const held = await us.hold('a', { concurrency: 1, ttl: 60 })
    let closing: Promise<void> | undefined
    const number = ['the look', 'the grant of its lease', 'the move'].indexOf(call) + 1
    line.befall(number, async work => {
      closing = us.close()
      await eventually(() => expect(held.signal.aborted).toBe(true))
      return work()
    })
    await expect(held.extend(600)).rejects.toMatchObject({ reason: 'closed' })
    await closing
    expect((await onlooker.inspect('a')).holders).toMatchObject([{ ttl }])
  })

  it('that was not answered leaves no lease behind', async () => {
    const held = await us.hold('a', { concurrency: 1, ttl: 600 })
    unanswered(readGrantAndMove)
    await held.extend(700)
    await held.release()
    await us.close()
    const all = [...line.granted].map(id => memory.leases.renew(id))
    expect((await Promise.all(all)).every(left => left === 0)).toBe(true)
  })

  it('that is refused leaves no lease behind, and the old deadline', async () => {
    const held = await us.hold('a', { concurrency: 1, ttl: 600 })
    line.befall(readGrantAndMove, () => Promise.reject(new StoreError('refused', 'The test refuses.')))
    await expect(held.extend(3)).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    expect(held.remaining()).toBeGreaterThan(500)
    await eventually(async () => {
      const left = await Promise.all([...line.granted].map(id => memory.leases.renew(id)))
      expect([left.at(0), left.at(-1)]).toEqual([600, 0])
    })
    await expectHeld(held, 'a')
  })

  it('to less that was applied, not answered and then refused is not believed to have failed', async () => {
    blind()
    const held = await us.hold('a', { concurrency: 1, ttl: 60, keepAlive: true })
    let isApplied = false
    const fault = async (work: () => Promise<unknown>): Promise<unknown> => {
      if (isApplied) throw new StoreError('refused', 'The test refuses what comes after.')
      isApplied = true
      await work()
      throw unreachable()
    }
    line.befall(readGrantAndMove, fault, 2)
    await expect(held.extend(2)).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    expect(held.remaining()).toBeLessThan(2)
    await delay(1_500)
    expect((await onlooker.inspect('a')).holders).toHaveLength(1)
    await eventually(async () => expect((await onlooker.inspect('a')).holders).toHaveLength(0), 3_000)
    expect(held.remaining()).toBe(0)
  })

  it('to less that may come yet when its repetition is refused is not believed to have failed', async () => {
    blind()
    const held = await us.hold('a', { concurrency: 1, ttl: 60, keepAlive: true })
    let late: (() => Promise<unknown>) | undefined
    const moveLookAndMoveAgain = 3
    let calls = 0
    const fault = (work: () => Promise<unknown>): Promise<unknown> => {
      if (++calls === 2) return work()
      late ??= work
      return Promise.reject(calls === 1 ? unreachable() : new StoreError('refused', 'The test refuses it.'))
    }
    line.befall(readGrantAndMove, fault, moveLookAndMoveAgain)
    await expect(held.extend(3)).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    await late!()
    expect((await onlooker.inspect('a')).holders[0]!.ttl).toBe(3)
    expect(held.remaining()).toBeLessThan(3)
  })

  it('that came through before its repetition, when nothing more can be seen, keeps the lease that it is on', async () => {
    blind()
    const held = await us.hold('a', { concurrency: 1, ttl: 60 })
    let late: (() => Promise<unknown>) | undefined
    let calls = 0
    const moveLookMoveAndLook = 4
    const fault = async (work: () => Promise<unknown>): Promise<unknown> => {
      const [move, , again, look] = [1, 2, 3, 4]
      calls++
      if (calls === move) {
        late = work
        throw unreachable()
      }
      if (calls === again) await late!()
      if (calls === look) throw new StoreError('refused', 'The test refuses it.')
      return work()
    }
    line.befall(readGrantAndMove, fault, moveLookMoveAndLook)
    await expect(held.extend(600)).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    await settled()
    await expectHeld(held, 'a')
    expect((await onlooker.inspect('a')).holders[0]!.ttl).toBe(600)
  })

  it('that nobody told it of is no loss to a handle that keeps its lock alive and could not see it', async () => {
    blind()
    const held = await us.hold('a', { concurrency: 1, ttl: 3, keepAlive: true })
    const engine = new Engine(memory, systemHost, pino({ level: 'silent' }))
    await extendOwn(engine, [new LockKey('custom', 'a')], held.id, 600)
    await eventually(() => expect(held.remaining()).toBeGreaterThan(500), 3_000)
    await expectHeld(held, 'a')
  })

  it('by id to less leaves a holder who cannot hear of it what it was promised, also when it comes late', async () => {
    blind()
    const held = await us.hold('a', { concurrency: 1, ttl: 60 })
    const theirs = new FaultyStore(memory)
    const [readTwiceAndGrant, move] = [3, 1]
    theirs.befall(readTwiceAndGrant + move, async work => {
      await delay(1_100)
      return work()
    })
    await make(theirs, 'they').extend('a', held.id, 2)
    const left = await onlooker.inspect('a')
    expect(left.holders).toMatchObject([{ ttl: 60 }])
    expect(held.remaining()).toBeGreaterThan(50)
    const holder = new LockKey('custom', 'a').holder(held.id)
    const { results } = await memory.commit({
      compare: [],
      success: [{ type: 'range', key: holder }],
      failure: [],
    })
    const { left: seconds } = (await memory.leases.remaining(results[0]![0]!.lease!))!
    expect(seconds + 1).toBeGreaterThan(held.remaining())
  })

  it('whose lock is lost meanwhile rejects with the loss, as soon as it is told', async () => {
    const held = await us.hold('a', { concurrency: 1, ttl: 2 })
    line.befall(1, () => Promise.reject(unreachable()), Infinity)
    const extending = held.extend(600).catch((error: unknown) => error)
    await eventually(() => expect(held.signal.aborted).toBe(true), 4_000)
    const lost = performance.now()
    expect(await extending).toBe(held.signal.reason)
    expect(performance.now() - lost).toBeLessThan(2_000)
    line.befall(0, work => work())
  })

  it('by id elsewhere is asked about again when the first answer is lost', async () => {
    const held = await us.hold('a', { concurrency: 1, ttl: 30 })
    const before = line.calls
    await eventually(() => expect(line.calls).toBeGreaterThan(before))
    line.befall(1, () => Promise.reject(unreachable()))
    await other.extend('a', held.id, 600)
    await eventually(() => expect(held.remaining()).toBeGreaterThan(500), 3_000)
  })
})

it('a lease on which an unanswered extension is found is renewed as the one that it is', async () => {
  const world = new World()
  const holding = await world.acquire(1)
  const letGo = (): Promise<boolean> => world.release(holding).then(() => true)
  const held = new LockHandle(world.us, holding, { keepAlive: true, expiringMs: 0 }, letGo)
  await held.extend(600)
  const commit = world.line.commit.bind(world.line)
  let commits = 0
  world.line.commit = async transaction => {
    if (commits > 2) throw unreachable()
    const result = await commit(transaction)
    const readAndMove = 2
    if (++commits < readAndMove) return result
    commits++
    throw unreachable()
  }
  const extending = held.extend(600)
  await eventually(() => expect(commits).toBe(3))
  await delay(200)
  world.time.turn(125_000)
  await expect(extending).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' })
  world.line.commit = commit
  const moved = (await world.rival.readOne(world.key)).holders.get(holding.uuid)!.lease!
  const leaseKnown = (): Lease => {
    const known = world.us.holdings.lend(world.key, holding.uuid)!
    world.us.holdings.settle(known, false)
    world.us.holdings.add(known)
    return known.lease
  }
  await eventually(() => expect(leaseKnown().id).toBe(moved), 3_000)
  for (let renewal = 0; renewal < 3; renewal++) {
    world.time.turn(250_000)
    await world.us.pool.renew(leaseKnown())
  }
  expect(held.remaining()).toBeGreaterThan(500)
  await held.release()
})

it('an extension that is answered after a release that is not does not keep the lock', async () => {
  const world = new World()
  const holding = await world.acquire(1)
  const budget = world.us.budget(0)
  const letGo = (): Promise<boolean> =>
    releaseById(world.us, world.keys, holding.uuid, { budget }).then(
      () => true,
      () => false,
    )
  const held = new LockHandle(world.us, holding, { keepAlive: false, expiringMs: 0 }, letGo)
  const readGrantAndMove = 3
  world.line.befall(readGrantAndMove, async work => {
    const answer = await work()
    world.line.commit = () => Promise.reject(unreachable())
    expect(await held.release()).toBe(false)
    return answer
  })
  await expect(held.extend(600)).rejects.toMatchObject({ reason: 'released' })
  await world.us.close()
  expect((await world.rival.readOne(world.key)).holders.size).toBe(0)
})

describe('an extension by another process', () => {
  type Extension = (engine: Engine, key: LockKey, uuid: string) => Promise<unknown>
  const byId: Extension = (engine, key, uuid) => extendById(engine, key, uuid, World.TTL)
  const byRewriting: Extension = (engine, key, uuid) => {
    const look = async (): Promise<{ snapshot: Snapshot }> => ({ snapshot: await engine.readOne(key) })
    const as = { ttl: 1, keepsPromise: true, extraOps: () => [], outcome: World.TTL }
    return rewrite(engine, key, uuid, look, () => as, { budget: engine.budget() })
  }
  let world: World
  let line: FaultyStore
  let others: Engine
  let uuid: string
  beforeEach(async () => {
    world = new World()
    uuid = (await world.acquire(1)).uuid
    line = new FaultyStore(world.memory)
    const host = { clock: world.time.clock, ids: new LockIds() }
    others = new Engine(line, host, pino({ level: 'silent' }))
  })

  it.each<[string, Extension, { move: number }]>([
    ['by the id', byId, { move: 4 }],
    ['by rewriting it', byRewriting, { move: 3 }],
  ])(
    '%s lasts from when the holding is on its new lease, not from when that was taken',
    async (_, extend, at) => {
      line.befall(at.move, work => {
        world.time.turn(3_000)
        return work()
      })
      expect(await extend(others, world.key, uuid)).toBe(World.TTL)
      const { lease } = (await world.rival.readOne(world.key)).holders.get(uuid)!
      expect((await world.memory.leases.remaining(lease!))!.left).toBeGreaterThan(World.TTL - 3)
    },
  )

  it('is made once, also when its new lease could not be renewed then', async () => {
    const [readTwiceGrantAndMove, renew] = [4, 1]
    line.befall(readTwiceGrantAndMove + renew, () => Promise.reject(unreachable()))
    expect(await byId(others, world.key, uuid)).toBe(World.TTL)
    expect(line.granted.size).toBe(1)
    await others.close()
    expect((await world.rival.readOne(world.key)).holders.size).toBe(1)
  })
})

it('a permit whose lease has ended is free when its handle has let go', async () => {
  const memory = new MemoryStore()
  const make = (owner: string): Lock => new Lock({ store: memory, prefix: 'custom', owner, dryRun: false })
  const [us, others] = [make('us'), make('others')]
  const held = await us.semaphore('a', 2, { ttl: 600 })
  await others.semaphore('a', 2, { ttl: 600 })
  const key = new LockKey('custom', 'a').holder(held.id)
  const { results } = await memory.commit({ compare: [], success: [{ type: 'range', key }], failure: [] })
  await memory.leases.revoke(results[0]![0]!.lease!)
  await eventually(() => expect(held.signal.reason).toMatchObject({ reason: 'lease-lost' }))
  await held.release()
  expect(await others.tryAcquire('a', { concurrency: 2 })).not.toBeNull()
  await Promise.all([us.close(), others.close()])
  await memory.close()
})

it('locks for which no options are given are released after the function', async () => {
  const memory = new MemoryStore()
  const us = new Lock({ store: memory, prefix: 'custom', owner: 'us', dryRun: false })
  expect(await us.acquiredAll([{ name: 'a', concurrency: 1, ttl: 60 }], undefined, () => 7)).toBe(7)
  expect((await us.inspect('a')).holders).toEqual([])
  await us.close()
  await memory.close()
})
