import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { ContenderProcess } from '../support/contender-process.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'

const etcd = useEtcdServer()
let lock: Lock
let name: string

beforeEach(() => {
  lock = lockAt(etcd.get().endpoint)
  name = freshName()
})
afterEach(() => lock.close())

const contender = (owner: string, options: object = {}): Promise<ContenderProcess> =>
  ContenderProcess.start({ endpoints: etcd.get().endpoints, name, owner, ...options })

async function queueOf(owners: readonly string[]): Promise<void> {
  const isQueue = async (): Promise<void> => {
    const { waiters } = await lock.inspect(name)
    expect(waiters.map(waiter => waiter.owner)).toEqual(owners)
  }
  await eventually(isQueue)
}

describe('a process that is killed', () => {
  it('while it holds: the lock is free when its lease ends, and the first waiter gets it', async () => {
    const holder = await contender('holder', { ttl: 2, keepAlive: true })
    holder.acquire()
    await holder.held()
    const first = await contender('first')
    const second = await contender('second')
    first.acquire()
    await queueOf(['first'])
    second.acquire()
    await queueOf(['first', 'second'])
    await holder.kill()
    const start = performance.now()
    await first.held()
    expect(performance.now() - start).toBeLessThan(5_000)
    expect((await lock.inspect(name)).holders.map(held => held.owner)).toEqual(['first'])
    await first.release()
    await second.held()
    await second.release()
    expect((await lock.inspect(name)).holders).toEqual([])
  }, 60_000)

  it.each([
    ['for its ttl, which it is handed, ', 5],
    ['for as long as its ticket lasts, since its ttl is long, ', 61],
  ])(
    'while it waits: %sits successor waits',
    async (_, ttl) => {
      const id = await lock.acquire(name, { concurrency: 1, ttl: 60 })
      const waiter = await contender('waiter', { ttl })
      const successor = await contender('successor')
      waiter.acquire()
      await queueOf(['waiter'])
      successor.acquire()
      await queueOf(['waiter', 'successor'])
      await waiter.kill()
      await lock.release(name, id)
      const start = performance.now()
      await successor.held()
      expect(performance.now() - start).toBeLessThan(20_000)
      await successor.release()
      expect(await lock.inspect(name)).toMatchObject({ holders: [], waiters: [] })
    },
    60_000,
  )

  it('as one of several holders: its place is free when its lease ends', async () => {
    const terms = { concurrency: 2, ttl: 2, keepAlive: true }
    const killed = await contender('killed', terms)
    const staying = await contender('staying', { ...terms, ttl: 60 })
    killed.acquire()
    await killed.held()
    staying.acquire()
    await staying.held()
    const acquiring = lock.acquire(name, { concurrency: 2, ttl: 60 })
    await queueOf(['tester'])
    await killed.kill()
    const id = await acquiring
    expect((await lock.inspect(name)).holders.map(held => held.owner)).toEqual(['staying', 'tester'])
    await lock.release(name, id)
    await staying.release()
  }, 60_000)
})

it('50 processes get one lock in the order in which they came', async () => {
  const owners = Array.from({ length: 50 }, (_, index) => `contender ${index}`)
  const contenders: ContenderProcess[] = []
  for (let from = 0; from < owners.length; from += 10) {
    contenders.push(...(await Promise.all(owners.slice(from, from + 10).map(owner => contender(owner)))))
  }
  const first = await lock.acquire(name, { concurrency: 1, ttl: 60 })
  for (const [index, next] of contenders.entries()) {
    next.acquire()
    await queueOf(owners.slice(0, index + 1))
  }
  await lock.release(name, first)
  for (const [index, next] of contenders.entries()) {
    await next.held()
    const { holders, waiters } = await lock.inspect(name)
    expect(holders.map(held => held.owner)).toEqual([owners[index]])
    expect(waiters.map(waiter => waiter.owner)).toEqual(owners.slice(index + 1))
    await next.release()
  }
}, 180_000)

describe('a clock that is wrong by an hour', () => {
  it.each([-3600, 3600])(
    'in one process (%d s) makes no overlap',
    async clockOffset => {
      const wrong = await contender('wrong clock', { ttl: 30, wait: 0, clockOffset })
      const id = await lock.acquire(name, { concurrency: 1, ttl: 30 })
      wrong.acquire()
      await eventually(() => expect(wrong.lines).toContain('failed LOCK_UNAVAILABLE'))
      await wrong.release()
      await lock.release(name, id)

      const holder = await contender('wrong clock', { ttl: 30, clockOffset })
      holder.acquire()
      await holder.held()
      const trying = lock.acquire(name, { concurrency: 1, ttl: 30, wait: 0 })
      await expect(trying).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
      await holder.release()
    },
    60_000,
  )
})
