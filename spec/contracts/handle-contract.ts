import { LockKey } from '../../lib/protocol/lock-key.js'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { type HeldLock, type Lock, type LockLostError } from '../../lib/index.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'
import { freshName } from '../support/etcd.js'
import { useLocks } from '../support/locks.js'

/** The shortest that etcd grants. */
const brief = { concurrency: 1, ttl: 2 }
const long = { concurrency: 1, ttl: 60 }

/** What a handle does, on every store. */
export function handleContract(make: () => Promise<Store>): void {
  const locks = useLocks(make)
  let lock: Lock
  let other: Lock
  let name: string

  beforeEach(() => {
    name = freshName()
    lock = locks.make()
    other = locks.make({ owner: 'other' })
  })

  const lossOf = ({ signal }: HeldLock): Promise<LockLostError> =>
    new Promise(resolve => {
      const tell = (): void => resolve(signal.reason as LockLostError)
      if (signal.aborted) tell()
      else signal.addEventListener('abort', tell)
    })
  const holders = async (): Promise<string[]> => [...(await other.get(name)).locks.keys()]
  const queued = (length: number): Promise<void> => locks.queued(other, name, length)
  const put = (key: string, value = 'written'): { type: 'put'; key: string; value: string } => ({
    type: 'put',
    key,
    value,
  })
  const valueAt = async (key: string): Promise<string | undefined> => {
    const success = [{ type: 'range' as const, key }]
    return (await locks.store.commit({ compare: [], success, failure: [] })).results[0]![0]?.value
  }

  describe('what is held', () => {
    it('is named by the handle as etcd knows it', async () => {
      const held = await lock.hold(name, long)
      const [holder] = (await other.inspect(name)).holders
      expect(held).toMatchObject({
        id: holder!.id,
        name,
        key: `/spicerack/locks/custom/${name}`,
        owner: 'tester',
        fencingToken: holder!.fencingToken,
      })
      expect(held.remaining()).toBeLessThan(60)
      expect(held.remaining()).toBeGreaterThan(55)
      expect(held.deadline.getTime() - Date.now()).toBeGreaterThan(55_000)
      expect(held.signal.aborted).toBe(false)
      held.assertHeld()
      await held.verify()
      await held.release()
      expect(held.remaining()).toBe(0)
      expect(() => held.assertHeld()).toThrow('it was released')
      await expect(held.verify()).rejects.toMatchObject({ code: 'LOCK_LOST' })
      expect(held.signal.aborted).toBe(false)
    })

    it('is released once, however often that is said', async () => {
      const held = await lock.hold(name, long)
      expect(await Promise.all([held.release(), held.release()])).toEqual([true, true])
      const next = await other.hold(name, long)
      await held.release()
      expect(await holders()).toEqual([next.id])
    })

    it('is extended by the handle, and by its id from elsewhere', async () => {
      const held = await lock.hold(name, brief)
      await held.extend(20)
      expect(held.remaining()).toBeGreaterThan(15)
      await eventually(() => other.extend(name, held.id, 40))
      await eventually(() => expect(held.remaining()).toBeGreaterThan(35))
      await held.verify()
      await held.release()
      expect(await holders()).toEqual([])
    })
  })

  describe('an extension by the id', () => {
    const state = async (): Promise<unknown> => (await other.inspect(name)).holders[0]

    it('to less leaves the holder what it was promised, who may not hear of it', async () => {
      const held = await lock.hold(name, long)
      await other.extend(name, held.id, 2)
      expect(await state()).toMatchObject({ id: held.id, ttl: 60 })
      expect(held.remaining()).toBeGreaterThan(50)
      await held.extend(2)
      expect(await state()).toMatchObject({ ttl: 2 })
      expect(held.remaining()).toBeLessThan(2)
    })

    it('of what its holder renews is another renewal, and no longer than its own', async () => {
      const held = await lock.exclusive(name, { ttl: 20 })
      const before = await state()
      await other.extend(name, held.id, 20)
      await lock.extend(name, held.id, 2)
      expect(await state()).toMatchObject({ ...(before as object), remaining: expect.any(Number) })
      await expect(other.extend(name, held.id, 21)).rejects.toMatchObject({ code: 'LOCK_RENEWED' })
      await held.extend(60)
      await other.extend(name, held.id, 60)
      await held.verify()
    })

    it('of what was handed over to a holder that renews it is no longer, either', async () => {
      const first = await lock.hold(name, long)
      const next = other.exclusive(name, { ttl: 20 })
      await queued(1)
      await first.release()
      const { id } = await next
      await expect(lock.extend(name, id, 21)).rejects.toMatchObject({ code: 'LOCK_RENEWED' })
    })
  })

  describe.each([false, true])('after somebody has freed it by hand (one of several: %s)', isOneOfSeveral => {
    const free = async (held: HeldLock): Promise<void> => {
      const key = `/spicerack/locks/custom/${name}`
      const entries = Object.entries(JSON.parse((await valueAt(key))!) as object)
      const others = Object.fromEntries(entries.filter(([id]) => id !== held.id))
      await locks.store.commit({
        compare: [],
        success: [isOneOfSeveral ? put(key, JSON.stringify(others)) : { type: 'delete', key }],
        failure: [],
      })
    }
    const asks: [string, (held: HeldLock) => Promise<unknown>][] = [
      ['extend', held => held.extend(60)],
      ['verify', held => held.verify()],
    ]
    if (!isOneOfSeveral) asks.push(['guard', held => held.guard({ success: [put(`/${name}`)] })])

    it.each(asks)('%s says that it is lost, and so does all else', async (_, ask) => {
      const [held] = [await lock.semaphore(name, 2), isOneOfSeveral && (await other.semaphore(name, 2))]
      await free(held)
      await expect(ask(held)).rejects.toMatchObject({ code: 'LOCK_LOST', reason: 'released-elsewhere' })
      expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' })
      expect(() => held.assertHeld()).toThrow('its entry is gone')
      for (const [, again] of asks) await expect(again(held)).rejects.toBe(held.signal.reason)
      expect(await valueAt(`/${name}`)).toBeUndefined()
    })
  })

  it('a Lock is closed at the end of its block, and what it holds is lost to its handles', async () => {
    let held: HeldLock
    {
      await using inner = locks.make({ owner: 'inner' })
      held = await inner.hold(name, long)
    }
    expect(held.signal.reason).toMatchObject({ reason: 'closed' })
  })

  describe('what is lost', () => {
    it('to a release by its id is lost at once', async () => {
      const held = await lock.hold(name, long)
      await other.release(name, held.id)
      expect(await lossOf(held)).toMatchObject({ reason: 'released-elsewhere' })
      expect(() => held.assertHeld()).toThrow('somebody released it')
    })

    it('with its lease is lost at once', async () => {
      const held = await lock.hold(name, { ...long, keepAlive: true })
      const holder = new LockKey('custom', name).holder(held.id)
      const success = [{ type: 'range' as const, key: holder }]
      const { results } = await locks.store.commit({ compare: [], success, failure: [] })
      await locks.store.leases.revoke(results[0]![0]!.lease!)
      expect(await lossOf(held)).toMatchObject({ reason: 'lease-lost' })
    })

    it('when its Lock is closed stands in etcd', async () => {
      const held = await lock.hold(name, long)
      await lock.close()
      expect(await lossOf(held)).toMatchObject({ reason: 'closed' })
      expect(await holders()).toEqual([held.id])
      await held.release()
      expect(await holders()).toEqual([held.id])
    })

    it('when its Lock is closed during an extension stands in etcd, too', async () => {
      const held = await lock.hold(name, long)
      const extending = held.extend(600).catch((error: unknown) => error)
      await lock.close()
      expect(await extending).toBe(held.signal.reason)
      expect(await holders()).toEqual([held.id])
    })

    it('is told by etcd when it is asked, with the token of who holds now', async () => {
      const held = await lock.hold(name, long)
      await other.release(name, held.id)
      const next = await other.hold(name, long)
      const error = await held.verify().catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'LOCK_LOST', fencingToken: held.fencingToken })
      expect([undefined, next.fencingToken]).toContain((error as LockLostError).currentToken)
      expect(held.signal.reason).toBe(error)
    })
  })

  describe('guard', () => {
    it('writes while the lock is held', async () => {
      const held = await lock.hold(name, long)
      const { succeeded, revision } = await held.guard({ success: [put(`/${name}`)] })
      expect([succeeded, revision! > held.fencingToken]).toEqual([true, true])
      expect(await valueAt(`/${name}`)).toBe('written')
    })

    it('keeps to the conditions of the write', async () => {
      const held = await lock.hold(name, long)
      const isNew = { target: 'create', key: `/${name}`, is: '=', revision: 0n } as const
      expect(await held.guard({ compare: [isNew], success: [put(`/${name}`, 'first')] })).toMatchObject({
        succeeded: true,
      })
      const second = await held.guard({ compare: [isNew], success: [put(`/${name}`, 'second')] })
      expect(second).toMatchObject({ succeeded: false, results: [] })
      expect(await valueAt(`/${name}`)).toBe('first')
      held.assertHeld()
    })

    it('refuses the write of a holder that does not know yet that it has lost the lock', async () => {
      const held = await lock.hold(name, long)
      await other.release(name, held.id)
      const next = await other.hold(name, long)
      const error = await held.guard({ success: [put(`/${name}`)] }).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'LOCK_LOST', fencingToken: held.fencingToken })
      expect(next.fencingToken).toBeGreaterThan(held.fencingToken)
      expect(await valueAt(`/${name}`)).toBeUndefined()
    })
  })

  describe('acquired', () => {
    const loseIt = async (held: HeldLock): Promise<string> => {
      await other.release(name, held.id)
      await lossOf(held)
      return 'done'
    }

    it('rejects when the lock was lost while the function ran', async () => {
      await expect(lock.acquired(name, long, loseIt)).rejects.toMatchObject({
        code: 'LOCK_LOST',
        reason: 'released-elsewhere',
      })
    })

    it('does not, where that is ignored', async () => {
      expect(await lock.acquired(name, { ...long, onLost: 'ignore' }, loseIt)).toBe('done')
    })

    it('hands on the error of the function before that of the loss', async () => {
      const failing = lock.acquired(name, long, async held => {
        await loseIt(held)
        throw new Error('from the function')
      })
      await expect(failing).rejects.toThrow('from the function')
    })

    it('does not mind that the function has released the lock', async () => {
      expect(await lock.acquired(name, long, held => held.release().then(() => 'done'))).toBe('done')
    })
  })

  describe('the usual locks', () => {
    it('exclude and share', async () => {
      const readers = [await lock.shared(name), await other.shared(name)]
      expect(await lock.tryAcquire(name)).toBeNull()
      const writing = lock.exclusive(name)
      await queued(1)
      const reading = other.shared(name)
      await queued(2)
      for (const reader of readers) await reader.release()
      const writer = await writing
      expect(await holders()).toEqual([writer.id])
      await writer.release()
      await (await reading).release()
    })

    it('have so many permits', async () => {
      const held = [await lock.semaphore(name, 2), await other.semaphore(name, 2)]
      expect(await lock.tryAcquire(name, { concurrency: 2 })).toBeNull()
      await held[0]!.release()
      const third = await lock.tryAcquire(name, { concurrency: 2 })
      expect((await holders()).toSorted()).toEqual([held[1]!.id, third!.id].toSorted())
    })

    it('are tried without a trace, and not when etcd fails', async () => {
      await lock.exclusive(name)
      const key = `/spicerack/locks/custom/${name}`
      const before = await valueAt(key)
      expect(await other.tryAcquire(name)).toBeNull()
      expect(await valueAt(key)).toBe(before)
      await queued(0)
      await locks.store.close()
      await expect(other.tryAcquire(name)).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    })
  })

  describe('a holder that asks for what it holds', () => {
    const reentry = { code: 'LOCK_REENTERED' }

    it('is told at once', async () => {
      const inner = lock.acquired(name, long, () => other.acquire(name, long))
      await expect(inner).rejects.toMatchObject(reentry)
      const deep = lock.acquired(name, { ...long, concurrency: 0 }, async () => {
        await Promise.resolve()
        return lock.acquired(freshName(), long, () => lock.exclusive(name))
      })
      await expect(deep).rejects.toMatchObject(reentry)
    })

    it('gets what it need not wait for', async () => {
      const two = { concurrency: 2, ttl: 60 }
      const third = lock.acquired(name, two, () =>
        lock.acquired(name, two, () => lock.acquired(name, two, () => 'inside')),
      )
      await expect(third).rejects.toMatchObject(reentry)
      const shared = { concurrency: 0, ttl: 60 }
      expect(await lock.acquired(name, shared, () => lock.acquired(name, shared, () => 'inside'))).toBe(
        'inside',
      )
      expect(await lock.acquired(name, long, () => lock.tryAcquire(name))).toBeNull()
      const after = lock.acquired(name, long, async held => {
        await held.release()
        return lock.acquired(name, long, () => 'inside')
      })
      expect(await after).toBe('inside')
    })

    it('waits where that is allowed, and where another task holds', async () => {
      const waiting = lock.acquired(name, long, () =>
        lock.acquire(name, { ...long, wait: 0.1, allowReentry: true }),
      )
      await expect(waiting).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
      const order: number[] = []
      await Promise.all([1, 2, 3].map(task => lock.acquired(name, long, () => void order.push(task))))
      expect(order.toSorted()).toEqual([1, 2, 3])
    })
  })
}
