import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import type { HeldLock, LockLostError } from '../../lib/index.js'
import type { ContenderProcess } from '../support/contender-process.js'
import { eventually } from '../support/eventually.js'
import { useEtcdServer } from '../support/etcd.js'
import { Scene } from '../support/scene.js'

const TTL = 2
const etcd = useEtcdServer()
const terms = { concurrency: 1, ttl: TTL, keepAlive: true }

const newScene = (): Scene => new Scene(etcd.get(), terms, { read_timeout: 1 })

const lossOf = ({ signal }: HeldLock): Promise<LockLostError> =>
  new Promise(resolve => {
    if (signal.aborted) resolve(signal.reason as LockLostError)
    else signal.addEventListener('abort', () => resolve(signal.reason as LockLostError))
  })

const TIMES = [0.5, 1, 1.5, 3]

it.concurrent.each(TIMES)(
  'a holder that is stopped for %d times the ttl does not believe that it holds what another has',
  async times => {
    await using scene = newScene()
    const holder = await scene.contender('holder')
    holder.acquire()
    await holder.held()
    const waiting = scene.hold('waiter')
    await scene.queueOf(['waiter'])
    holder.pause()
    await delay(times * TTL * 1000)
    holder.resume()
    const believes = await holder.believes()
    const [current] = (await scene.lock.inspect(scene.name)).holders
    if (times < 1) expect(believes).toBe(true)
    if (times > 1) expect(believes).toBe(false)
    if (believes) expect(current?.owner).toBe('holder')
    else expect(await holder.lost()).toBe('expired')
    await holder.release()
    await (await waiting).release()
  },
  40_000,
)

it.concurrent.each(
  TIMES.filter(times => times !== 1.5).flatMap(times => [
    { place: 'first', owners: ['paused', 'other'], times },
    { place: 'in the middle', owners: ['other', 'paused', 'last'], times },
  ]),
)(
  'a waiter $place that is stopped for $times times the ttl gets its turn in the end, and others theirs',
  async ({ owners, times }) => {
    await using scene = newScene()
    const paused = await scene.contender('paused')
    const id = await scene.lock.acquire(scene.name, { concurrency: 1, ttl: 60 })
    const served: Promise<unknown>[] = []
    for (const [index, owner] of owners.entries()) {
      if (owner === 'paused') {
        paused.acquire()
        served.push(serve(paused))
      } else {
        served.push(scene.hold(owner).then(held => held.release()))
      }
      await scene.queueOf(owners.slice(0, index + 1))
    }
    paused.pause()
    await scene.lock.release(scene.name, id)
    await delay(times * TTL * 1000)
    paused.resume()
    await Promise.all(served)
    await eventually(async () => {
      expect(await scene.lock.inspect(scene.name)).toMatchObject({ holders: [], waiters: [] })
    })
  },
  40_000,
)

async function serve(contender: ContenderProcess): Promise<void> {
  await contender.held()
  expect(await contender.believes()).toBe(true)
  await contender.release()
}

it('a blocked event loop does not let assertHeld believe, before any timer has run', async () => {
  await using scene = newScene()
  const waiter = await scene.contender('waiter')
  const held = await scene.hold('holder')
  waiter.acquire()
  await scene.queueOf(['waiter'])
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

  it('for half the ttl, what is kept alive is not lost', async () => {
    await using scene = newScene()
    const held = await scene.hold('holder', { ttl })
    await etcd.get().pause()
    await delay((ttl * 1000) / 2)
    await etcd.get().resume()
    await eventually(() => expect(held.remaining()).toBeGreaterThan(ttl / 2))
    await held.verify()
    await held.release()
  })

  it('for twice the ttl, what is held is lost at the deadline, in words, and a release comes to its end', async () => {
    await using lost = newScene()
    await using left = newScene()
    const [held, leaving] = await Promise.all([lost.hold('holder', { ttl }), left.hold('holder', { ttl })])
    await etcd.get().pause()
    const start = performance.now()
    const seconds = (): number => (performance.now() - start) / 1000
    const releasedAfter = leaving.release().then(seconds)
    const loss = await lossOf(held)
    expect(loss).toMatchObject({ code: 'LOCK_LOST', reason: 'unreachable' })
    expect(seconds()).toBeLessThan(ttl)
    expect(await releasedAfter).toBeLessThan(8)
    expect(leaving.remaining()).toBe(0)
    await delay((2 * ttl - seconds()) * 1000)
    await etcd.get().resume()
    await expect(held.extend(60)).rejects.toBe(loss)
    await (await lost.hold('next', { wait: 20 })).release()
    await eventually(async () => expect((await left.lock.get(left.name)).locks.size).toBe(0))
  }, 40_000)
})
