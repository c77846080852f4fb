import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { HeldLock, Lock, LockLostError } from '../../lib/index.js'
import { ContenderProcess } from '../support/contender-process.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'

const TTL = 2
const etcd = useEtcdServer()
let lock: Lock
let name: string

beforeEach(() => {
  lock = lockAt(etcd.get().endpoint, { config: { endpoints: etcd.get().endpoints, read_timeout: 1 } })
  name = freshName()
})
afterEach(() => lock.close())

const terms = { concurrency: 1, ttl: TTL, keepAlive: true }
const contender = (owner: string): Promise<ContenderProcess> =>
  ContenderProcess.start({ endpoints: etcd.get().endpoints, name, owner, ...terms })

async function queueOf(owners: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { waiters } = await lock.inspect(name)
    expect(waiters.map(waiter => waiter.owner)).toEqual(owners)
  })
}

const lossOf = ({ signal }: HeldLock): Promise<LockLostError> =>
  new Promise(resolve => {
    if (signal.aborted) resolve(signal.reason as LockLostError)
    else signal.addEventListener('abort', () => resolve(signal.reason as LockLostError))
  })

describe.each([0.5, 1, 1.5, 3])('a process that is stopped for %d times the ttl', times => {
  it('while it holds, does not believe that it holds what another has', async () => {
    const [holder, waiter] = [await contender('holder'), await contender('waiter')]
    holder.acquire()
    await holder.held()
    waiter.acquire()
    await queueOf(['waiter'])
    holder.pause()
    await delay(times * TTL * 1000)
    holder.resume()
    const believes = await holder.believes()
    const [current] = (await lock.inspect(name)).holders
    if (times < 1) expect(believes).toBe(true)
    if (times > 1) expect(believes).toBe(false)
    if (believes) expect(current?.owner).toBe('holder')
    else expect(await holder.lost()).toBe('expired')
    await holder.release()
    await waiter.held()
    await waiter.release()
  }, 30_000)

  it.each([
    ['first', ['paused', 'other']],
    ['in the middle', ['other', 'paused', 'last']],
  ])(
    'while it waits %s, gets its turn in the end, and others theirs',
    async (_, owners) => {
      const id = await lock.acquire(name, { concurrency: 1, ttl: 60 })
      const contenders: ContenderProcess[] = []
      for (const [index, owner] of owners.entries()) {
        contenders.push(await contender(owner))
        contenders.at(-1)!.acquire()
        await queueOf(owners.slice(0, index + 1))
      }
      const paused = contenders[owners.indexOf('paused')]!
      const served = contenders.map(async each => {
        await each.held()
        expect(await each.believes()).toBe(true)
        await each.release()
      })
      paused.pause()
      await lock.release(name, id)
      await delay(times * TTL * 1000)
      paused.resume()
      await Promise.all(served)
      await eventually(async () => {
        expect(await lock.inspect(name)).toMatchObject({ holders: [], waiters: [] })
      })
    },
    40_000,
  )
})

it('a blocked event loop does not let assertHeld believe, before any timer has run', async () => {
  const held = await lock.hold(name, terms)
  const waiter = await contender('waiter')
  waiter.acquire()
  await queueOf(['waiter'])
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * TTL * 1000)
  expect(() => held.assertHeld()).toThrow(
    /its ttl of 2 s is over; timers are [1-9]\.\d s late: this process was paused/,
  )
  expect(held.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'expired' })
  await waiter.held()
  await waiter.release()
}, 20_000)

describe('while etcd is stopped', () => {
  const ttl = 4
  afterEach(() => etcd.get().resume())

  it('for half the ttl, what is kept alive is not lost', async () => {
    const held = await lock.hold(name, { ...terms, ttl })
    await etcd.get().pause()
    await delay((ttl * 1000) / 2)
    await etcd.get().resume()
    await eventually(() => expect(held.remaining()).toBeGreaterThan(ttl / 2))
    await held.verify()
    await held.release()
  })

  it('for three times the ttl, it is lost at the deadline, and in words', async () => {
    const held = await lock.hold(name, { ...terms, ttl })
    await etcd.get().pause()
    const start = performance.now()
    const loss = await lossOf(held)
    expect(loss).toMatchObject({ code: 'LOCK_LOST', reason: 'unreachable past the deadline' })
    expect(performance.now() - start).toBeLessThan(ttl * 1000)
    await delay(3 * ttl * 1000 - (performance.now() - start))
    await etcd.get().resume()
    await expect(held.extend(60)).rejects.toBe(loss)
    await (await lock.hold(name, { ...terms, wait: 20 })).release()
  }, 40_000)

  it('a release comes to an end, and the lock with its ttl', async () => {
    const held = await lock.hold(name, { ...terms, ttl })
    await etcd.get().pause()
    const start = performance.now()
    await held.release()
    expect(performance.now() - start).toBeLessThan(8_000)
    expect(held.remaining()).toBe(0)
    await etcd.get().resume()
    await eventually(async () => expect((await lock.get(name)).locks.size).toBe(0))
  }, 20_000)
})
