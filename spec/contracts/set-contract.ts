import { beforeEach, describe, expect, it } from '@jest/globals'
import { type Lock, type LockLostError, NoLock } from '../../lib/index.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { Store } from '../../lib/store/store.js'
import { freshName } from '../support/etcd.js'
import { useLocks } from '../support/locks.js'

const terms = { concurrency: 1, ttl: 60 }

/** Several locks at once, on every store. */
export function setContract(make: () => Promise<Store>): void {
  const locks = useLocks(make)
  let lock: Lock
  let other: Lock
  let a: string
  let b: string
  let c: string

  beforeEach(() => {
    const name = freshName()
    ;[a, b, c] = [`${name}-a`, `${name}-b`, `${name}-c`]
    lock = locks.make()
    other = locks.make({ owner: 'other' })
  })

  const each = (...names: string[]): { name: string; concurrency: number; ttl: number }[] =>
    names.map(name => ({ name, ...terms }))
  const holdersOf = async (name: string): Promise<string[]> =>
    (await other.inspect(name)).holders.map(({ owner }) => owner)
  const isFree = async (name: string): Promise<boolean> => {
    const { holders, waiters } = await other.inspect(name)
    return holders.length + waiters.length === 0
  }
  const counting = (before = () => Promise.resolve()): { store: Store; commits: () => number } => {
    let commits = 0
    const watch: Store['watch'] = (range, listener) => locks.store.watch(range, listener)
    const commit: Store['commit'] = async transaction => {
      commits++
      await before()
      return locks.store.commit(transaction)
    }
    const store = { commit, watch, leases: locks.store.leases, close: () => Promise.resolve() }
    return { store, commits: () => commits }
  }

  describe('what is free', () => {
    it('is taken by one call and released by one, under one id and with one token', async () => {
      const { store, commits } = counting()
      const counted = locks.make({ store })
      const held = await counted.acquireAll(each(a, b, c))
      expect(commits()).toBe(1)
      expect(held).toMatchObject({ names: [a, b, c], owner: 'tester' })
      expect(held.keys).toEqual([a, b, c].map(name => `/spicerack/locks/custom/${name}`))
      for (const name of [a, b, c]) {
        const { holders } = await other.inspect(name)
        expect(holders).toMatchObject([{ id: held.id, fencingToken: held.fencingToken }])
      }
      held.assertHeld()
      await held.verify()
      const before = commits()
      await held.release()
      expect(commits() - before).toBe(1)
      expect(await Promise.all([a, b, c].map(isFree))).toEqual([true, true, true])
    })

    it('is taken and released also when it is as much as one transaction holds', async () => {
      const names = Array.from({ length: 32 }, (_, at) => `${a}-${at}`)
      const held = await lock.acquireAll(each(...names))
      await held.release()
      expect(await Promise.all(names.map(isFree))).not.toContain(false)
    })

    it('is held each with its own limit and ttl; the shortest counts', async () => {
      const held = await lock.acquireAll([
        { name: a, concurrency: 0, ttl: 60 },
        { name: b, concurrency: 2, ttl: 90 },
      ])
      expect(held.remaining()).toBeLessThan(60)
      expect((await other.inspect(b)).holders).toMatchObject([{ concurrency: 2, ttl: 90 }])
      const beside = await other.acquireAll([
        { name: a, concurrency: 0, ttl: 60 },
        { name: b, concurrency: 2, ttl: 90 },
      ])
      await Promise.all([held.release(), beside.release()])
    })

    it('is extended all together', async () => {
      const held = await lock.acquireAll(each(a, b))
      await held.extend(600)
      expect(held.remaining()).toBeGreaterThan(500)
      for (const name of [a, b]) expect((await other.inspect(name)).holders[0]?.ttl).toBe(600)
      await held.release()
      expect(await isFree(a)).toBe(true)
    })

    it('is held while a function runs, which may not wait for any of it', async () => {
      const seen = await lock.acquiredAll(each(a, b), {}, async held => {
        await expect(lock.acquire(b, terms)).rejects.toMatchObject({ code: 'LOCK_REENTERED' })
        await expect(lock.acquireAll(each(c, a))).rejects.toMatchObject({ code: 'LOCK_REENTERED' })
        return held.names
      })
      expect(seen).toEqual([a, b])
      expect(await isFree(a)).toBe(true)
    })
  })

  describe('when one of them is held by another', () => {
    it('one try takes none, writes nothing, and says which', async () => {
      await other.acquire(b, terms)
      const { revision } = await locks.store.commit({ compare: [], success: [], failure: [] })
      const trying = lock.acquireAll(each(a, b, c), { wait: 0 })
      await expect(trying).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
      await expect(trying).rejects.toThrow(new RegExp(`^The lock \\S*${b} is not available`))
      const after = await locks.store.commit({ compare: [], success: [], failure: [] })
      expect(after.revision).toBe(revision)
    })

    it('all are waited for, in the order of arrival, and got at once', async () => {
      const id = await other.acquire(b, terms)
      const statuses: string[] = []
      const waiting = lock.acquireAll(each(a, b), {
        onWait: ({ name, place }) => statuses.push(`${name} ${place}`),
      })
      await locks.queued(other, a, 1)
      const later = other.acquire(a, terms)
      await locks.queued(other, a, 2)
      expect(await holdersOf(a)).toEqual([])
      await other.release(b, id)
      const held = await waiting
      expect(new Set(statuses)).toEqual(new Set([`${b} 1`]))
      expect(await Promise.all([a, b].map(holdersOf))).toEqual([['tester'], ['tester']])
      await held.release()
      await other.release(a, await later)
    })

    it('their release lets in the waiter for each', async () => {
      const { store, commits } = counting()
      const held = await locks.make({ store }).acquireAll(each(a, b))
      const waiters = [other.hold(a, terms), other.hold(b, terms)]
      await locks.queued(other, a, 1)
      await locks.queued(other, b, 1)
      const before = commits()
      await held.release()
      const rejectedAndHandedOver = 2
      expect(commits() - before).toBe(rejectedAndHandedOver)
      const next = await Promise.all(waiters)
      expect(new Set(next.map(({ fencingToken }) => fencingToken)).size).toBe(1)
    })

    it('whoever gives up leaves all queues', async () => {
      await other.acquire(b, terms)
      await expect(lock.acquireAll(each(a, b), { wait: 0.3 })).rejects.toMatchObject({
        code: 'LOCK_UNAVAILABLE',
      })
      expect(await isFree(a)).toBe(true)
      expect((await other.inspect(b)).waiters).toEqual([])
    })

    it('whose place in one queue is taken away joins all anew, and gets them', async () => {
      const id = await other.acquire(b, terms)
      const waiting = lock.acquireAll(each(a, b))
      await locks.queued(other, a, 1)
      const later = other.acquire(a, terms)
      await locks.queued(other, a, 2)
      const [waiter] = (await other.inspect(b)).waiters
      const key = new LockKey('custom', b).ticket(waiter!.id)
      await locks.store.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
      await other.release(b, id)
      await other.release(a, await later)
      await (await waiting).release()
      expect(await Promise.all([a, b].map(isFree))).toEqual([true, true])
    })

    it.each([0, 1])('that is sent away from its queue %d leaves all, and is told', async at => {
      const ids = [await other.acquire(a, terms), await other.acquire(b, terms)]
      const waiting = lock.acquireAll(each(a, b))
      await locks.queued(other, a, 1)
      const [waiter] = (await other.inspect(b)).waiters
      await other.forceRelease([a, b][at]!, waiter!.id, { reason: 'to see' })
      await expect(waiting).rejects.toMatchObject({ code: 'LOCK_DISMISSED', by: 'other', reason: 'to see' })
      await locks.queued(other, a, 0)
      await locks.queued(other, b, 0)
      await other.release(a, ids[0]!)
      await other.release(b, ids[1]!)
      expect(await Promise.all([a, b].map(isFree))).toEqual([true, true])
    })
  })

  it('sets that overlap in opposite orders all end', async () => {
    const take = async (who: Lock, names: string[]): Promise<void> => {
      for (let round = 0; round < 10; round++) await (await who.acquireAll(each(...names))).release()
    }
    await Promise.all([take(lock, [a, b]), take(other, [b, a]), take(lock, [b, c]), take(other, [c, a])])
    expect(await Promise.all([a, b, c].map(isFree))).toEqual([true, true, true])
  }, 20_000)

  describe('when one of them is lost', () => {
    it('all are, with the reason; the others stand until the release', async () => {
      const held = await lock.acquireAll([
        { name: a, concurrency: 0, ttl: 60 },
        { name: b, concurrency: 1, ttl: 60 },
      ])
      const beside = await other.hold(a, { concurrency: 0, ttl: 60 })
      const lost = new Promise<LockLostError>(resolve =>
        held.signal.addEventListener('abort', () => resolve(held.signal.reason as LockLostError)),
      )
      await other.forceRelease(b, held.id, { reason: 'rack on fire' })
      expect((await lost).message).toContain('rack on fire')
      expect(held.remaining()).toBe(0)
      expect((await holdersOf(a)).toSorted()).toEqual(['other', 'tester'])
      await held.release()
      expect(await holdersOf(a)).toEqual(['other'])
      await beside.release()
    })

    it('nothing is written under its guard', async () => {
      const held = await lock.acquireAll(each(a, b))
      const key = new LockKey('custom', b).holder(held.id)
      await locks.store.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
      const write = { success: [{ type: 'put' as const, key: '/mine', value: 'late' }] }
      await expect(held.guard(write)).rejects.toMatchObject({ code: 'LOCK_LOST' })
      await held.release()
      expect(await isFree(a)).toBe(true)
    })
  })

  describe('as many as etcd takes in one transaction', () => {
    const many = (): string[] => Array.from({ length: 32 }, (_, number) => `${a}-${number}`)

    it('are taken, waited for and released', async () => {
      const names = many()
      const first = await lock.acquireAll(each(...names))
      const waiting = other.acquireAll(each(...names.toReversed()))
      await locks.queued(lock, names[0]!, 1)
      const single = lock.hold(names[7]!, terms)
      await locks.queued(lock, names[7]!, 2)
      await first.release()
      const second = await waiting
      await second.extend(90)
      await second.verify()
      await second.release()
      await (await single).release()
      expect(await Promise.all(names.map(isFree))).not.toContain(false)
    })

    it('are handed over while all are waited for', async () => {
      const names = many()
      const first = await lock.acquireAll(each(...names))
      const waiters = names.map(name => other.hold(name, terms))
      for (const name of names) await locks.queued(lock, name, 1)
      await first.release()
      await Promise.all((await Promise.all(waiters)).map(held => held.release()))
    }, 20_000)

    it.each([
      [
        'one more',
        () => [...many(), b],
        'must be at most 32, which is what etcd takes in one transaction, got 33',
      ],
      ['none', () => [], 'must be one at least, got none'],
      ['one twice', () => [b, c, b], /must have different names, got twice: "\S*-b"/],
    ])('but not %s', async (_, names, problem) => {
      const taking = lock.acquireAll(each(...names()))
      await expect(taking).rejects.toMatchObject({ code: 'INVALID_LOCK' })
      await expect(taking).rejects.toThrow(problem)
    })
  })

  it.each([
    ['no list', 'a', {}, 'the locks must be given as a list, got "a"'],
    ['a lock that is no object', [7], {}, 'must be an object, got 7'],
    ['an unknown field', [{ name: 'x', concurrency: 1, ttl: 9, tll: 3 }], {}, "unknown option 'tll'"],
    ['a bad name', [{ name: 'x/y', concurrency: 1, ttl: 9 }], {}, "cannot contain '/'"],
    ['a bad ttl', [{ name: 'x', concurrency: 1, ttl: 0 }], {}, "'ttl' must be a positive integer"],
    ['a ttl for all', [{ name: 'x', concurrency: 1, ttl: 9 }], { ttl: 3 }, "the option 'ttl' has no meaning"],
  ])('%s is refused', async (_, requests, options, problem) => {
    const taking = lock.acquireAll(requests as never, options as never)
    await expect(taking).rejects.toMatchObject({ code: 'INVALID_LOCK' })
    await expect(taking).rejects.toThrow(problem)
  })

  it('nothing is taken in a dry run, nor where locking is disabled', async () => {
    const dry = locks.make({ dryRun: true })
    const held = await dry.acquireAll(each(a, b))
    held.assertHeld()
    expect(await isFree(a)).toBe(true)
    await held.release()
    await other.acquire(b, terms)
    await expect(dry.acquireAll(each(a, b))).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
    expect(await new NoLock().acquiredAll(each(a, b), {}, ({ names }) => names)).toEqual([a, b])
  })
}
