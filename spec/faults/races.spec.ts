import { LockIds } from '../../lib/model/lock-ids.js'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { pino } from 'pino'
import { acquire } from '../../lib/lock/acquire/acquire.js'
import { Engine } from '../../lib/lock/engine/engine.js'
import { extendOwn } from '../../lib/lock/extend/extend.js'
import { forceRelease } from '../../lib/lock/release/force-release.js'
import { releaseById } from '../../lib/lock/release/release.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { HeldLock } from '../../lib/lock/hold/held-lock.js'
import { LockHandle } from '../../lib/lock/hold/lock-handle.js'
import { Lock } from '../../lib/lock/api/lock.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import type { Watch } from '../../lib/store/store.js'
import { StoreError } from '../../lib/store/store-error.js'
import { type Fault, FaultyStore } from '../support/faulty-store.js'
import { eventually } from '../support/eventually.js'
import { World } from '../support/world.js'

const unreachable = (): StoreError => new StoreError('unreachable', 'The test cut the line.')
const never: Fault = () => Promise.reject(unreachable())
const elsewhere = new LockKey('custom', 'elsewhere')

it('what came late on a lease whose revocation may come yet is not believed in', async () => {
  const world = new World()
  const late: (() => Promise<unknown>)[] = []
  const twoLeases = 2
  let calls = 0
  const grantLookAndRevoke: Fault = async work => {
    const [grant, look, revoke] = [1, 2, 3]
    calls++
    if (calls === look) return work()
    late.push(work)
    if (calls === revoke) await late[grant - 1]!()
    throw unreachable()
  }
  world.line.befall(twoLeases + 1, grantLookAndRevoke, 3)
  const { uuid } = await world.acquire(1)
  for (const work of late.slice(1)) await work()
  expect((await world.rival.readOne(world.key)).holders.has(uuid)).toBe(true)
})

describe('a lease that serves a second holding', () => {
  const holdsElsewhere = async (world: World): Promise<void> => {
    const terms = { uuid: 'second', owner: 'us', concurrency: 1, ttl: World.TTL }
    await acquire(world.us, [{ key: elsewhere, terms }], { waitMs: 0 })
  }
  const expectHeldElsewhere = async (world: World): Promise<void> => {
    await world.us.close()
    await world.rival.close()
    expect((await world.stored()).map(kv => kv.key)).toContain(elsewhere.holder('second'))
  }

  it('outlives another process that has extended the first one, and revokes late', async () => {
    const world = new World()
    const first = await world.acquire(1)
    let revoke: () => void = () => {}
    const late = new Promise<void>(resolve => (revoke = resolve))
    const rivalLine = new FaultyStore(world.memory)
    const rival = new Engine(
      rivalLine,
      { clock: world.time.clock, ids: new LockIds() },
      pino({ level: 'silent' }),
    )
    const grantReadMoveAndRevoke = 4
    rivalLine.befall(grantReadMoveAndRevoke, async work => {
      await late
      return work()
    })
    await extendOwn(rival, [world.key], first.uuid, World.TTL)
    await world.release(first)
    await holdsElsewhere(world)
    revoke()
    await rival.close()
    await expectHeldElsewhere(world)
  })

  it('outlives another process that releases the first one again', async () => {
    const world = new World()
    const first = await world.acquire(1)
    await world.rival.readOne(world.key)
    await world.release(first)
    await holdsElsewhere(world)
    await releaseById(world.rival, [world.key], first.uuid)
    await expectHeldElsewhere(world)
  })
})

it('a release under another name leaves the holding alone', async () => {
  const world = new World()
  const holding = await world.acquire(1)
  await releaseById(world.us, [elsewhere], holding.uuid)
  await world.us.close()
  await expect(world.rivalTries(1)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
})

it('a lock is got the moment that a dead entry expires', async () => {
  const world = new World()
  const created = String(world.time.clock.now().plusSeconds(-9.96))
  const value = JSON.stringify({ dead: { concurrency: 1, created, owner: 'hand', ttl: 10 } })
  await world.memory.commit({
    compare: [],
    success: [{ type: 'put', key: world.key.path, value }],
    failure: [],
  })
  const holding = await world.acquire(1, { waitMs: 5_000 })
  expect(holding.owner).toBe('us')
})

it('a wait ends when the store is closed under it', async () => {
  const world = new World()
  await world.rivalHolds(1)
  let closing: Promise<void> | undefined
  const acquiring = world.acquire(1, { onWait: () => void (closing ??= world.memory.close()) })
  await expect(acquiring).rejects.toMatchObject({ code: 'LOCK_ERROR' })
  await closing
})

it('a wait without end for the longest ttl overflows no timer', async () => {
  const world = new World()
  const warnings: string[] = []
  const listen = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', listen)
  await world.rivalHolds(1)
  const terms = { uuid: 'patient', owner: 'us', concurrency: 1, ttl: 9_000_000_000 }
  const onWait = (): void => void world.rivalReleases()
  await acquire(world.us, [{ key: world.key, terms }], { waitMs: Infinity, onWait })
  await world.release(terms)
  process.off('warning', listen)
  expect(warnings).toEqual([])
})

describe('when etcd fails', () => {
  it('the end of the wait says so, and not that others hold', async () => {
    const world = new World()
    world.line.befall(1, never, Infinity)
    await expect(world.acquire(1, { waitMs: 50 })).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' })
  })

  it('an aborted wait ends with the reason of its signal all the same', async () => {
    const world = new World()
    world.line.befall(1, never, Infinity)
    const acquiring = world.acquire(1, { signal: AbortSignal.timeout(50) })
    await expect(acquiring).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  it('a wait that ends is told of no holding without its full time', async () => {
    const world = new World()
    await world.haveUsedLeases()
    const { leases } = world.line
    const broken = { ...leases, renew: () => never(() => leases.renew(''), world.line) as Promise<number> }
    Object.assign(world.us.pool, { leases: broken })
    const acquiring = world.acquire(1, { waitMs: 50 })
    const outcome = await acquiring.catch((error: { code: string }) => error.code)
    expect(outcome).toBe('ETCD_UNAVAILABLE')
  })

  it('an extension that fails takes nothing of the time that was there', async () => {
    const world = new World()
    const holding = await world.acquire(1)
    let isApplied = false
    const refuseAfterCommit: Fault = async work => {
      if (isApplied) throw new StoreError('refused', 'The test refuses all that comes after.')
      await work()
      isApplied = true
      throw unreachable()
    }
    world.line.befall(3, refuseAfterCommit, 2)
    await expect(world.extend(holding, 2 * World.TTL)).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    expect(isApplied).toBe(true)
    await world.us.close()
    await expect(world.rivalTries(1)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
  })
})

it('a grant that arrives after an outage in which the caller gave up leaves no lock', async () => {
  const world = new World()
  const leases = 2
  let isUp = false
  let isSent = false
  const outage: Fault = (work, line) => {
    if (isUp) return work()
    if (!isSent) line.delay(work, Infinity)
    isSent = true
    return Promise.reject(unreachable())
  }
  world.line.befall(leases + 1, outage, Infinity)
  await expect(world.acquire(1, { signal: AbortSignal.timeout(50) })).rejects.toThrow('timeout')
  await eventually(() => expect(world.line.revocations).toBeGreaterThanOrEqual(leases))
  isUp = true
  await world.line.arrive()
  await eventually(async () => expect(await world.stored()).toEqual([]), 5_000)
  await world.us.close()
})

it('an outage at the moment of an abort does not hold up the close', async () => {
  const world = new World()
  const leases = 2
  const controller = new AbortController()
  let isGranted = false
  const outage: Fault = work => {
    if (isGranted) return Promise.reject(unreachable())
    isGranted = true
    controller.abort(new Error('enough'))
    return work()
  }
  world.line.befall(leases + 1, outage, Infinity)
  await expect(world.acquire(1, { signal: controller.signal })).rejects.toThrow('enough')
  await world.us.close()
}, 8_000)

it('a value that was unreadable when it was last seen is looked at anew', async () => {
  const world = new World()
  const write = (value: string): Promise<unknown> =>
    world.memory.commit({ compare: [], success: [{ type: 'put', key: world.key.path, value }], failure: [] })
  await write('no json')
  await world.us.readOne(world.key)
  await write('{}')
  await world.release(await world.acquire(1, { waitMs: 0 }))
  expect(await world.stored()).toEqual([])
})

it.each([false, true])(
  'a lock that ran out while the machine slept is told to be lost (keepAlive: %s)',
  async keepAlive => {
    const world = new World()
    world.line.watch = () => ({ ready: new Promise(() => {}), close: () => {} })
    const holding = await world.acquire(1)
    const letGo = (): Promise<boolean> => Promise.resolve(true)
    const held = new LockHandle(world.us, holding, { keepAlive, expiringMs: 0 }, letGo)
    world.time.turn((World.TTL + 1) * 1000)
    await eventually(() => expect(held.signal.aborted).toBe(true), 3_000)
    expect(held.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'expired' })
    expect(String(held.signal.reason)).toContain('or the machine slept')
  },
)

it('what is kept alive is renewed as soon as the machine has slept', async () => {
  const world = new World()
  world.line.watch = () => ({ ready: new Promise(() => {}), close: () => {} })
  const holding = await world.acquire(1)
  const letGo = (): Promise<boolean> => Promise.resolve(true)
  const held = new LockHandle(world.us, holding, { keepAlive: true, expiringMs: 0 }, letGo)
  world.time.turn((World.TTL / 2) * 1000)
  await eventually(() => expect(held.remaining()).toBeGreaterThan(World.TTL - 5), 3_000)
  await held.release()
})

it('an extension that is answered after the loss leaves nothing', async () => {
  const memory = new MemoryStore()
  const line = new FaultyStore(memory)
  line.watch = () => ({ ready: new Promise(() => {}), close: () => {} })
  const lock = new Lock({ store: line, prefix: 'custom', owner: 'late', dryRun: false })
  const held = await lock.hold('extended', { concurrency: 1, ttl: 2 })
  const grantAndRead = 2
  line.befall(grantAndRead + 1, async work => {
    const done = work()
    await eventually(() => expect(held.signal.aborted).toBe(true))
    return done
  })
  await expect(held.extend(60)).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'expired' })
  await eventually(async () => expect((await lock.get('extended')).locks.size).toBe(0))
  await lock.close()
  await memory.close()
})

describe('a handle', () => {
  let memory: MemoryStore
  let line: FaultyStore
  let lock: Lock
  let held: HeldLock
  let isDone: () => void
  let done: Promise<void>

  beforeEach(async () => {
    memory = new MemoryStore()
    line = new FaultyStore(memory)
    lock = new Lock({ store: line, prefix: 'custom', owner: 'us', dryRun: false })
    held = await lock.hold('held', { concurrency: 1, ttl: 60, keepAlive: true })
    done = new Promise(resolve => (isDone = resolve))
  })
  afterEach(async () => {
    isDone()
    await lock.close()
    await memory.close()
  })

  it('that is released while it is extended renews nothing any more', async () => {
    const onlooker = new Lock({ store: memory, prefix: 'custom', owner: 'onlooker' })
    const grantReadAndMove = 3
    line.befall(grantReadAndMove, async work => {
      const moved = await work()
      await done
      return moved
    })
    const extending = held.extend(3).catch(() => {})
    await eventually(async () => expect((await onlooker.inspect('held')).holders[0]?.ttl).toBe(3))
    await held.release()
    isDone()
    await extending
    const renew = jest.spyOn(memory.leases, 'renew')
    await delay(1_500)
    expect(renew).not.toHaveBeenCalled()
  })

  it('that is extended to less is believed in for no longer, before the answer has come', async () => {
    line.watch = () => ({ ready: done, close: () => {} })
    line.befall(3, async work => {
      await work()
      await done
      throw unreachable()
    })
    const extending = held.extend(3).catch(() => {})
    expect(held.remaining()).toBeGreaterThan(50)
    await eventually(() => expect(held.remaining()).toBeLessThan(3))
    isDone()
    await extending
  })

  it('that is extended twice at once believes in the sooner end, and then in the later extension', async () => {
    line.watch = () => ({ ready: done, close: () => {} })
    line.befall(3, async work => {
      const moved = await work()
      await done
      return moved
    })
    const extending = [held.extend(3), held.extend(600)]
    await eventually(() => expect(held.remaining()).toBeLessThan(3))
    await delay(50)
    expect(held.remaining()).toBeLessThan(3)
    isDone()
    await Promise.all(extending)
    expect(held.remaining()).toBeGreaterThan(590)
  })

  it('whose lock was released by its id leaves the lease to the next', async () => {
    const revoke = jest.spyOn(memory.leases, 'revoke')
    await lock.release('held', held.id)
    const next = await lock.hold('held', { concurrency: 1, ttl: 60 })
    await eventually(() => expect(held.signal.aborted).toBe(true))
    expect(revoke).not.toHaveBeenCalled()
    await next.verify()
    await next.release()
  })

  it('looks again when its look was not answered', async () => {
    const look = line.calls + 1
    line.befall(1, () => Promise.reject(unreachable()))
    line.watch = () => ({ ready: Promise.resolve(), close: () => {} })
    await eventually(() => expect(line.calls).toBeGreaterThanOrEqual(look))
    const key = new LockKey('custom', 'held').holder(held.id)
    await memory.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
    await eventually(() => expect(held.signal.aborted).toBe(true), 4_000)
  })

  it('does not go back to a lease that it has left, when a watch tells of it late', async () => {
    jest.spyOn(memory.leases, 'revoke').mockResolvedValue()
    const late: (() => void)[] = []
    const watch = line.watch.bind(line)
    line.watch = (range, listener) =>
      watch(range, {
        onEvents: events => void late.push(() => listener.onEvents(events)),
        onGap: () => listener.onGap(),
        onEnd: error => listener.onEnd(error),
      })
    const callsOfGrant = line.calls
    await eventually(() => expect(line.calls).toBeGreaterThan(callsOfGrant))
    await held.extend(600)
    await held.extend(900)
    await eventually(() => expect(late).toHaveLength(2))
    late[0]!()
    await delay(20)
    expect(held.remaining()).toBeGreaterThan(800)
  })

  it('that has seen its key go is not believed in, even while nobody can tell why', async () => {
    const callsOfGrant = line.calls
    await eventually(() => expect(line.calls).toBeGreaterThan(callsOfGrant))
    const lost = new Promise(resolve => held.signal.addEventListener('abort', resolve))
    line.befall(1, () => done, Infinity)
    const key = new LockKey('custom', 'held').holder(held.id)
    await memory.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
    await delay(10)
    expect(held.signal.aborted).toBe(false)
    expect(() => held.assertHeld()).toThrow('its holder key is gone from etcd')
    expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' })
    await lost
  })

  it('says that its key is gone, though nobody asks and nobody can tell why', async () => {
    const callsOfGrant = line.calls
    await eventually(() => expect(line.calls).toBeGreaterThan(callsOfGrant))
    line.befall(1, () => done, Infinity)
    const key = new LockKey('custom', 'held').holder(held.id)
    await memory.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
    await eventually(() => expect(held.signal.aborted).toBe(true), 3_000)
    expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' })
  })
})

it('a release that comes before the watches on a lock stand is not missed', async () => {
  const world = new World()
  const { key } = world
  await world.rivalHolds(1)
  let open: () => void = () => {}
  const opened = new Promise<void>(resolve => (open = resolve))
  world.line.watch = (range, listener) => {
    let watch: Watch | undefined
    const ready = opened.then(() => (watch = world.memory.watch(range, listener)).ready)
    return { ready, close: () => watch?.close() }
  }
  const noReleaseHandsItOver = { uuid: 'us', owner: 'us', concurrency: 1, ttl: 100 }
  const acquiring = acquire(world.us, [{ key, terms: noReleaseHandsItOver }], { waitMs: 60_000 })
  await eventually(async () => expect((await world.rival.readOne(key)).tickets.size).toBe(1))
  await delay(20)
  await world.rivalReleases()
  open()
  await world.release((await acquiring)[0]!)
})

it('an event that comes before all watches stand is not taken for the truth about the others', async () => {
  const world = new World(2)
  const [other, contested] = world.keys as [LockKey, LockKey]
  const theirs = { uuid: 'theirs', owner: 'rival', concurrency: 1, ttl: World.TTL }
  const parts = world.keys.map(key => ({ key, terms: theirs }))
  await acquire(world.rival, parts, { waitMs: 0 })
  let open: () => void = () => {}
  const opened = new Promise<void>(resolve => (open = resolve))
  world.line.watch = (range, listener) => {
    if (!('key' in range) || !range.key.includes(contested.name)) return world.memory.watch(range, listener)
    let watch: Watch | undefined
    const ready = opened.then(() => (watch = world.memory.watch(range, listener)).ready)
    return { ready, close: () => watch?.close() }
  }
  const acquiring = world.acquire(1)
  await eventually(async () => expect((await world.rival.readOne(other)).tickets.size).toBe(1))
  await delay(20)
  await releaseById(world.rival, [other], theirs.uuid)
  await delay(20)
  await releaseById(world.rival, [contested], theirs.uuid)
  open()
  await world.release(await acquiring)
})

it('a release by force that fails keeps no lease for its marker', async () => {
  const memory = new MemoryStore()
  const line = new FaultyStore(memory)
  const lock = new Lock({ store: line, prefix: 'custom', owner: 'us', dryRun: false })
  const key = new LockKey('custom', 'broken').path
  await memory.commit({ compare: [], success: [{ type: 'put', key, value: 'no JSON' }], failure: [] })
  const forced = lock.forceRelease('broken', 'somebody', { reason: 'to see' })
  await expect(forced).rejects.toMatchObject({ code: 'LOCK_UNREADABLE' })
  await eventually(() => expect(line.revocations).toBe(1))
  await lock.close()
  await memory.close()
})

it('a release by force whose marker has lost its lease ends', async () => {
  const memory = new MemoryStore()
  const line = new FaultyStore(memory)
  const lock = new Lock({ store: line, prefix: 'custom', owner: 'us', dryRun: false })
  const held = await lock.hold('held', { concurrency: 1, ttl: 60 })
  const grantAndRelease = 2
  line.befall(grantAndRelease, async work => {
    await memory.leases.revoke([...line.granted].at(-1)!)
    return work()
  })
  const forced = lock.forceRelease('held', held.id, { reason: 'to see' })
  await expect(forced).rejects.toMatchObject({ code: 'LOCK_ERROR' })
  await lock.close()
  await memory.close()
})

it('a release by force does not claim what its holder has released, when its own answer is lost', async () => {
  const world = new World()
  await world.rivalHolds(1)
  const [uuid] = (await world.rival.readOne(world.key)).holders.keys()
  const line = new FaultyStore(world.memory)
  const them = new Engine(line, { clock: world.time.clock, ids: new LockIds() }, pino({ level: 'silent' }))
  const leaseAndLook = 2
  line.befall(leaseAndLook + 1, async () => {
    await world.rivalReleases()
    throw unreachable()
  })
  expect(await forceRelease(them, world.key, uuid!, { by: 'them', reason: 'to see' })).toBe(false)
  expect(await world.stored()).toEqual([])
})

it('a release by force claims what it has taken, when its answer is lost', async () => {
  const world = new World()
  await world.rivalHolds(1)
  const [uuid] = (await world.rival.readOne(world.key)).holders.keys()
  const line = new FaultyStore(world.memory)
  const them = new Engine(line, { clock: world.time.clock, ids: new LockIds() }, pino({ level: 'silent' }))
  const leaseAndLook = 2
  line.befall(leaseAndLook + 1, async work => {
    await work()
    throw unreachable()
  })
  expect(await forceRelease(them, world.key, uuid!, { by: 'them', reason: 'to see' })).toBe(true)
  expect((await world.rival.readOne(world.key)).holders.size).toBe(0)
})

describe('a waiter that is sent away by force', () => {
  const force = { by: 'them', reason: 'to see' }
  const appliedUnanswered: Fault = async work => {
    await work()
    throw unreachable()
  }
  const isSentAway = { code: 'LOCK_DISMISSED', by: 'them', reason: 'to see' }

  it('does not come back, though no answer to its request has come yet', async () => {
    const world = new World()
    await world.rivalHolds(1)
    const twoLeases = 2
    world.line.befall(twoLeases + 1, async work => {
      await work()
      const [uuid] = (await world.rival.readOne(world.key)).tickets.keys()
      expect(await forceRelease(world.rival, world.key, uuid!, force)).toBe(true)
      throw unreachable()
    })
    await expect(world.acquire(1)).rejects.toMatchObject(isSentAway)
    expect((await world.rival.readOne(world.key)).tickets.size).toBe(0)
  })

  it.each([
    ['applied, and not answered', appliedUnanswered],
    ['never applied', never],
  ])('is, by a call that is %s', async (_, fault) => {
    const world = new World()
    await world.rivalHolds(1)
    const sentAway = expect(world.acquire(1)).rejects.toMatchObject(isSentAway)
    await eventually(async () => expect((await world.rival.readOne(world.key)).tickets.size).toBe(1))
    const [uuid] = (await world.rival.readOne(world.key)).tickets.keys()
    const line = new FaultyStore(world.memory)
    const them = new Engine(line, { clock: world.time.clock, ids: new LockIds() }, pino({ level: 'silent' }))
    const leaseReleaseAndLook = 3
    line.befall(leaseReleaseAndLook + 1, fault)
    expect(await forceRelease(them, world.key, uuid!, force)).toBe(true)
    await sentAway
  })

  it('loses what it was handed meanwhile', async () => {
    const world = new World()
    await world.rivalHolds(1)
    const acquiring = world.acquire(1)
    await eventually(async () => expect((await world.rival.readOne(world.key)).tickets.size).toBe(1))
    const [uuid] = (await world.rival.readOne(world.key)).tickets.keys()
    const line = new FaultyStore(world.memory)
    const them = new Engine(line, { clock: world.time.clock, ids: new LockIds() }, pino({ level: 'silent' }))
    const leaseReleaseAndLook = 3
    line.befall(leaseReleaseAndLook + 1, async work => {
      await world.rivalReleases()
      await acquiring
      return work()
    })
    expect(await forceRelease(them, world.key, uuid!, force)).toBe(true)
    expect((await world.rival.readOne(world.key)).holders.size).toBe(0)
  })
})

it('a release between the look at a lock and the watch on it is not missed', async () => {
  const world = new World()
  await world.rivalHolds(1)
  const watch = world.line.watch.bind(world.line)
  let released: Promise<void> | undefined
  world.line.watch = (range, listener) => {
    released ??= world.rivalReleases()
    const opening = released.then(() => watch(range, listener))
    return { ready: opening.then(({ ready }) => ready), close: () => void opening.then(each => each.close()) }
  }
  await world.release(await world.acquire(1))
  expect(await world.stored()).toEqual([])
})

it('a waiter that is handed the lock on a lease that is not its own any more does not believe that it holds', async () => {
  const world = new World()
  await world.rivalHolds(1)
  const acquiring = world.acquire(1)
  await eventually(async () => expect(await world.stored()).toHaveLength(3))
  const ticket = (await world.stored()).find(({ key }) => key.startsWith(world.key.tickets.key))!
  const { id } = await world.memory.leases.grant(World.TTL)
  const value = JSON.stringify({ ...(JSON.parse(ticket.value) as object), lease: id })
  const { key, lease } = ticket
  const put = { type: 'put' as const, key, value, lease }
  await world.memory.commit({ compare: [], success: [put], failure: [] })
  await world.rivalReleases()
  const holding = await acquiring
  const holder = (await world.stored()).find(kv => kv.key === world.key.holder(holding.uuid))
  expect(holder).toMatchObject({ lease: holding.lease.id, createRevision: holding.token })
  await world.release(holding)
  expect(await world.stored()).toEqual([])
})

it('a lease that comes slowly while another fails is not forgotten', async () => {
  const world = new World()
  const slow = delay(100)
  const trouble: Fault = async work => {
    if (world.line.calls === 1) throw unreachable()
    await slow
    return work()
  }
  world.line.befall(1, trouble, 2)
  await world.release(await world.acquire(1))
  await slow
  await eventually(() => expect(world.line.granted.size).toBe(2), 1_000)
  await world.us.close()
  for (const id of world.line.granted) expect(await world.memory.leases.renew(id)).toBe(0)
})

it('a waiter that gives up far back in the queue is told who holds now', async () => {
  const world = new World()
  const { uuid } = await world.acquire(2)
  await world.rivalHolds(2)
  const first = new AbortController()
  const queueing: Promise<unknown> = world.acquire(1, { signal: first.signal })
  await eventually(async () => expect(await world.stored()).toHaveLength(4))
  const late = world.acquire(1, { waitMs: 300 })
  await eventually(async () => expect(await world.stored()).toHaveLength(5))
  await world.rivalReleases()
  await expect(late).rejects.toThrow(/1 holder:\n.*us \(concurrency 2\)\n1 waiter:/)
  first.abort(new Error('enough'))
  await expect(queueing).rejects.toThrow('enough')
  await world.release({ uuid })
})

it('a grant that is lost before it is known is sought again, without a trace of the first', async () => {
  const world = new World()
  await world.haveUsedLeases()
  await world.rivalHolds(2)
  await world.us.readOne(world.key)
  const renewals = 1
  let calls = 0
  const loseTheGrant: Fault = async (work, line) => {
    if (++calls <= renewals) throw unreachable()
    const answer = await work()
    await line.loseLeases()
    return answer
  }
  world.line.befall(1, loseTheGrant, renewals + 1)
  const { uuid } = await world.acquire(2, { waitMs: 0 })
  expect([...(await world.rival.readOne(world.key)).holders.keys()]).toContain(uuid)
})
