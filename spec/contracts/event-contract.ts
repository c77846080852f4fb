import { beforeEach, describe, expect, it } from '@jest/globals'
import { type HeldLock, type Lock, type LockLostError } from '../../lib/index.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'
import { freshName } from '../support/etcd.js'
import { follow, types } from '../support/follow.js'
import { useLocks } from '../support/locks.js'

const terms = { concurrency: 1, ttl: 30 }

/** What is told of locks, on every store. */
export function eventContract(make: () => Promise<Store>): void {
  const locks = useLocks(make)
  let lock: Lock
  let other: Lock
  let name: string

  beforeEach(() => {
    name = `spicerack.${freshName()}`
    lock = locks.make()
    other = locks.make({ owner: 'other' })
  })

  const queued = (length: number): Promise<void> => locks.queued(other, name, length)

  it('tells who queues up, gets the lock, and leaves, with their tokens', async () => {
    const told = await follow(lock)
    const first = await lock.hold(name, terms)
    const waiting = other.hold(name, terms)
    await queued(1)
    await first.release()
    const second = await waiting
    await second.release()
    await eventually(() =>
      expect(told).toMatchObject([
        {
          type: 'granted',
          prefix: 'custom',
          name,
          id: first.id,
          owner: 'tester',
          revision: first.fencingToken,
        },
        { type: 'queued', name, id: second.id, owner: 'other' },
        { type: 'released', name, id: first.id, owner: 'tester', revision: second.fencingToken },
        { type: 'granted', name, id: second.id, owner: 'other', revision: second.fencingToken },
        { type: 'released', name, id: second.id, owner: 'other' },
      ]),
    )
  })

  it('tells who gives up', async () => {
    const told = await follow(lock)
    await lock.acquire(name, terms)
    await expect(other.acquire(name, { ...terms, wait: 0.2 })).rejects.toThrow()
    await eventually(() => expect(types(told)).toEqual(['tester granted', 'other queued', 'other gave-up']))
  })

  it('tells of one name, or of all under the prefix, and of no other', async () => {
    const modules = locks.make({ prefix: 'modules' })
    const [all, one] = [await follow(lock), await follow(lock, name)]
    for (const each of [lock, modules]) await each.release(name, await each.acquire(name, terms))
    const another = `${name}-another`
    await lock.release(another, await lock.acquire(another, terms))
    await eventually(() => expect(all.at(-1)).toMatchObject({ type: 'released', name: another }))
    expect(
      all.filter(event => event.name === name && event.prefix === 'custom').length,
    ).toBeGreaterThanOrEqual(2)
    expect(all.every(event => event.prefix === 'custom')).toBe(true)
    expect(one.map(event => [event.name, event.type])).toEqual([
      [name, 'granted'],
      [name, 'released'],
    ])
  })

  it('ends with its signal, with the loop, and with the lock', async () => {
    const controller = new AbortController()
    const stopped = lock.events(undefined, { signal: controller.signal }).next()
    controller.abort(new Error('enough'))
    await expect(stopped).rejects.toThrow('enough')
    const left = other.events(name)
    const told = Promise.all([lock.events(name).next(), left.next()])
    let isTold = false
    void told.then(() => (isTold = true))
    await eventually(async () => {
      await other.release(name, await other.acquire(name, terms))
      expect(isTold).toBe(true)
    })
    expect((await told).map(({ done }) => done)).toEqual([false, false])
    await left.return()
    const late = lock.events(name)
    const waiting = late.next()
    await lock.inspect(name)
    await lock.close()
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    expect(() => lock.events('a/b')).toThrow('The lock name')
  })

  describe('a release by force', () => {
    const lossOf = ({ signal }: HeldLock): Promise<LockLostError> =>
      new Promise(resolve => {
        signal.addEventListener('abort', () => resolve(signal.reason as LockLostError))
      })

    it('tells the holder, and those who watch, who did it and why', async () => {
      const told = await follow(lock)
      const held = await lock.hold(name, terms)
      const loss = lossOf(held)
      await other.forceRelease(name, held.id, { reason: 'rack on fire' })
      expect(await loss).toMatchObject({ reason: 'released-elsewhere' })
      expect((await loss).message).toContain('other released it by force: rack on fire')
      await eventually(() =>
        expect(told.at(-1)).toMatchObject({
          type: 'forced',
          id: held.id,
          owner: 'tester',
          by: 'other',
          reason: 'rack on fire',
        }),
      )
      expect(types(told)).toEqual(['tester granted', 'tester forced'])
      await (await other.hold(name, terms)).release()
    })

    it.each([1, 2, 3])('sends the waiter at place %d away, and tells it who did it and why', async place => {
      const told = await follow(lock)
      const held = await lock.hold(name, terms)
      const ends: Promise<unknown>[] = []
      for (let length = 1; length <= 3; length++) {
        ends.push(lock.acquire(name, terms).catch((error: unknown) => error))
        await queued(length)
      }
      const { id } = (await other.inspect(name)).waiters[place - 1]!
      const start = performance.now()
      await other.forceRelease(name, id, { reason: 'it hangs' })
      const error = await ends[place - 1]
      expect(performance.now() - start).toBeLessThan(1_000)
      expect(error).toMatchObject({ code: 'LOCK_DISMISSED', by: 'other', reason: 'it hangs' })
      expect((error as Error).message).toContain('other took the place in the queue')
      await queued(2)
      await held.release()
      for (const end of ends.filter((_, at) => at !== place - 1))
        await lock.release(name, (await end) as string)
      await eventually(() => expect(told.filter(({ type }) => type === 'released')).toHaveLength(3))
      const waiter = { prefix: 'custom', name, id, owner: 'tester', revision: 0n }
      expect(told.filter(event => event.id === id).map(event => ({ ...event, revision: 0n }))).toEqual([
        { type: 'queued', ...waiter },
        { type: 'forced', ...waiter, by: 'other', reason: 'it hangs' },
      ])
    })

    it.each(['', ' ', 7, undefined, 'x'.repeat(1025)])('needs a reason, and %p is none', async reason => {
      const id = await lock.acquire(name, terms)
      const refused = other.forceRelease(name, id, { reason: reason as string })
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_LOCK' })
      expect((await other.get(name)).locks.size).toBe(1)
    })

    it('of an id that neither holds nor waits is an error', async () => {
      const nobody = other.forceRelease(name, 'nobody', { reason: 'to see' })
      await expect(nobody).rejects.toThrow(/Nobody holds or waits for .* under the id nobody/)
    })
  })
}
