import { afterAll, beforeAll, expect, it, jest } from '@jest/globals'
import { type HeldLock, type LockLostError, LockUnavailableError } from '../../lib/index.js'
import { RelukkoAdapter } from '../../lib/relukko/index.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'
import { follow, types } from '../support/follow.js'
import { Rivals } from '../support/locks.js'
import { isFreeAfterGrace } from './relukko-contract.js'

/** The shortest that etcd grants. */
const brief = { concurrency: 1, ttl: 2 }
/** What must be renewed in time on a busy machine, too: two seconds late is not lost. */
const kept = { concurrency: 1, ttl: 3 }
const exclusive = { concurrency: 1, ttl: 60 }

const lossOf = ({ signal }: Pick<HeldLock, 'signal'>): Promise<LockLostError> =>
  new Promise(resolve => {
    const tell = (): void => resolve(signal.reason as LockLostError)
    if (signal.aborted) tell()
    else signal.addEventListener('abort', tell)
  })

const past = (start: number, ms: number): Promise<void> =>
  eventually(() => expect(performance.now() - start).toBeGreaterThan(ms))

/** What a lock does as its time goes by, on every store: side by side, for most of it is waiting. */
export function lastingContract(make: () => Promise<Store>): void {
  let store: Store
  beforeAll(async () => {
    store = await make()
    // Whoever comes first pays for the connection, and for the code that is new: leases are short here.
    await using rivals = new Rivals(store)
    const { lock, other, name } = rivals
    const held = await lock.hold(name, { ...brief, keepAlive: true })
    const waiting = other.hold(name, brief)
    await rivals.queued(other, name, 1)
    await held.release()
    await (await waiting).release()
  })
  afterAll(() => store.close())

  it.concurrent('a lock is free when its ttl is over', async () => {
    await using rivals = new Rivals(store)
    const { lock, other, name } = rivals
    const start = performance.now()
    await lock.acquire(name, brief)
    const id = await other.acquire(name, exclusive)
    expect(performance.now() - start).toBeGreaterThan(1_900)
    expect([...(await other.get(name)).locks.keys()]).toEqual([id])
  })

  it.concurrent('a waiter keeps its place for longer than its leases last without renewal', async () => {
    await using rivals = new Rivals(store)
    const { lock, other, name } = rivals
    const first = await lock.acquire(name, exclusive)
    const waiting = other.acquire(name, brief)
    await rivals.queued(other, name, 1)
    await past(performance.now(), 3_500)
    expect((await other.inspect(name)).waiters).toHaveLength(1)
    await lock.release(name, first)
    const id = await waiting
    expect([...(await other.get(name)).locks.keys()]).toEqual([id])
  })

  it.concurrent('an entry by hand is respected until created + ttl, then replaced', async () => {
    await using rivals = new Rivals(store)
    const { other, name } = rivals
    const created = new Date(Date.now() - 58_000).toISOString().replace('Z', '+00:00')
    const value = JSON.stringify({ 'by-hand': { concurrency: 1, created, owner: 'hand', ttl: 60 } })
    const put = { type: 'put', key: `/spicerack/locks/custom/${name}`, value } as const
    await store.commit({ compare: [], success: [put], failure: [] })
    await expect(other.acquire(name, { ...exclusive, wait: 0 })).rejects.toThrow(/hand/)
    const id = await other.acquire(name, exclusive)
    expect([...(await other.get(name)).locks.keys()]).toEqual([id])
  })

  it.concurrent('says of what its holder renews that it is, and how long its lease lasts', async () => {
    await using rivals = new Rivals(store)
    const { lock, other, name } = rivals
    const start = performance.now()
    const held = await lock.hold(name, { ...brief, keepAlive: true })
    const id = await lock.acquire(`${name}-2`, exclusive)
    await past(start, 2_500)
    for (const read of [
      () => other.inspect(name),
      async () => (await other.list()).find(each => each.name === name)!,
    ]) {
      // It rises again with every renewal.
      await eventually(async () => {
        const { holders } = await read()
        expect(holders).toMatchObject([{ id: held.id, renewed: true, ttl: 2 }])
        expect([1, 2]).toContain(holders[0]!.remaining)
      })
    }
    const [plain] = (await other.inspect(`${name}-2`)).holders
    expect(plain).toMatchObject({ id, renewed: false })
    expect([55, 56, 57, 58, 59]).toContain(plain!.remaining)
  })

  it.concurrent('an extension by the id lets the holding last from now on', async () => {
    await using rivals = new Rivals(store)
    const { lock, other, name } = rivals
    const id = await lock.acquire(name, brief)
    await lock.extend(name, id, 60)
    expect((await other.inspect(name)).holders[0]!.ttl).toBe(60)
    await expect(other.acquire(name, { ...exclusive, wait: 3 })).rejects.toThrow(LockUnavailableError)
    await lock.release(name, id)
    expect((await other.get(name)).locks.size).toBe(0)
  })

  it.concurrent('a handle says whenever the deadline is near, also after it was put off', async () => {
    await using rivals = new Rivals(store)
    const held = await rivals.lock.hold(rivals.name, { concurrency: 1, ttl: 3, expiring: 2 })
    let times = 0
    held.on('expiring', () => void (++times < 3 && held.extend(3)))
    await eventually(() => expect(times).toBe(3))
    await held.release()
  })

  it.concurrent('what is held is said to be lost before anybody else can have it', async () => {
    await using rivals = new Rivals(store)
    const { lock, other, name } = rivals
    const held = await lock.hold(name, brief)
    let isTaken = false
    const taking = other.hold(name, brief).finally(() => (isTaken = true))
    const loss = await lossOf(held)
    expect(isTaken).toBe(false)
    expect(loss).toMatchObject({ code: 'LOCK_LOST', reason: 'expired', fencingToken: held.fencingToken })
    expect(loss.message).toContain('its ttl of 2 s is over')
    expect(() => held.assertHeld()).toThrow(loss)
    await expect(held.verify()).rejects.toBe(loss)
    await expect(held.extend(60)).rejects.toBe(loss)
    await held.release()
    await (await taking).release()
  })

  it.concurrent(
    'what is kept alive lasts until it is released, and does not say that it expires',
    async () => {
      await using rivals = new Rivals(store)
      const { lock, other, name } = rivals
      const held = await lock.hold(name, { ...kept, keepAlive: true })
      let said = 0
      held.on('expiring', () => said++)
      const start = performance.now()
      const next = other.acquire(name, { ...exclusive, wait: 4 })
      await expect(next).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
      expect(performance.now() - start).toBeGreaterThan(3_900)
      held.assertHeld()
      expect(said).toBe(0)
      await held.release()
      await (await other.hold(name, { ...brief, wait: 0 })).release()
    },
  )

  it.concurrent('a handle says that it expires, as long before as it was told', async () => {
    await using rivals = new Rivals(store)
    const held = await rivals.lock.hold(rivals.name, { ...brief, expiring: 1.5 })
    const remaining: number[] = []
    const unwanted = (): void => void remaining.push(-1)
    held.on('expiring', unwanted).off('expiring', unwanted)
    held.on('expiring', () => {
      remaining.push(held.remaining())
      throw new Error('from the listener')
    })
    await lossOf(held)
    expect(remaining).toHaveLength(1)
    expect(remaining[0]).toBeGreaterThan(0.5)
    expect(remaining[0]).toBeLessThanOrEqual(1.5)
  })

  it.concurrent('several locks are renewed all together', async () => {
    await using rivals = new Rivals(store)
    const { lock, name } = rivals
    const held = await lock.acquireAll(
      [`${name}-a`, `${name}-b`].map(each => ({ name: each, ...kept })),
      { keepAlive: true },
    )
    await past(performance.now(), 4_000)
    held.assertHeld()
    await held.verify()
    await held.release()
  })

  it.concurrent(
    'when one of several is lost, the others are renewed no more, and end by themselves',
    async () => {
      await using rivals = new Rivals(store)
      const { lock, other, name } = rivals
      const names = [`${name}-a`, `${name}-b`] as const
      const held = await lock.acquireAll(
        names.map(each => ({ name: each, ...brief })),
        { keepAlive: true },
      )
      const lost = lossOf(held)
      await other.release(names[0], held.id)
      await lost
      await eventually(async () => {
        expect(await other.inspect(names[1])).toMatchObject({ holders: [], waiters: [] })
      }, 4_500)
    },
  )

  const isShared = [false, true]
  it.concurrent.each(['custom', 'modules'].flatMap(prefix => isShared.map(shared => ({ prefix, shared }))))(
    'an end by time is told from a release, under $prefix (beside another holder: $shared)',
    async ({ prefix, shared }) => {
      await using rivals = new Rivals(store)
      const lock = rivals.make({ prefix })
      const name = `spicerack.${rivals.name}`
      const terms = { ...brief, concurrency: shared ? 0 : 1 }
      const all = await follow(lock)
      const told = (): string[] => types(all.filter(event => event.name === name))
      await lock.release(name, await lock.acquire(name, terms))
      await lock.acquire(name, terms)
      const staying = shared && (await lock.hold(name, { ...terms, ttl: 30 }))
      const before = ['granted', 'released', ...Array<string>(shared ? 2 : 1).fill('granted'), 'expired']
      await eventually(() => expect(told()).toEqual(before.map(type => `tester ${type}`)))
      if (staying) await staying.release()
      else await lock.release(name, await lock.acquire(name, terms))
      await eventually(() => expect(told().at(-1)).toBe('tester released'))
    },
  )

  it.concurrent(
    'a lock of Relukko is free when its expiry has passed by the grace, and not before',
    async () => {
      await using rivals = new Rivals(store)
      await using relukko = new RelukkoAdapter({ store: rivals.store })
      await using other = new RelukkoAdapter({ store: rivals.store })
      await isFreeAfterGrace(relukko, other)
    },
  )

  it('is held all the same when the wall clock is set forth and back', async () => {
    await using rivals = new Rivals(store)
    const held = await rivals.lock.hold(rivals.name, { ...brief, keepAlive: true })
    const { now } = Date
    const clock = jest.spyOn(Date, 'now')
    try {
      for (const step of [60_000, -60_000]) {
        clock.mockImplementation(() => now() + step)
        expect(held.remaining()).toBeGreaterThan(1)
        held.assertHeld()
        expect(Math.abs(held.deadline.getTime() - Date.now())).toBeLessThan(2_000)
        await past(performance.now(), 1_100)
        held.assertHeld()
      }
    } finally {
      clock.mockRestore()
    }
    await held.verify()
    await held.release()
  })
}
