import { expect, it } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { useEtcdServer } from '../support/etcd.js'
import { Scene } from '../support/scene.js'

const etcd = useEtcdServer()
const newScene = (): Scene => new Scene(etcd.get(), { concurrency: 1, ttl: 60 })

it.concurrent(
  'a holder that is killed: the lock is free when its lease ends, and the first waiter gets it',
  async () => {
    await using scene = newScene()
    const holder = await scene.contender('holder', { ttl: 2, keepAlive: true })
    holder.acquire()
    await holder.held()
    const first = scene.hold('first')
    await scene.queueOf(['first'])
    const second = scene.hold('second')
    await scene.queueOf(['first', 'second'])
    await holder.kill()
    const start = performance.now()
    const firstHeld = await first
    expect(performance.now() - start).toBeLessThan(5_000)
    expect(await scene.owners()).toEqual({ holders: ['first'], waiters: ['second'] })
    await firstHeld.release()
    await (await second).release()
    expect(await scene.owners()).toEqual({ holders: [], waiters: [] })
  },
  60_000,
)

it.concurrent.each([
  { why: 'for its ttl, which it is handed,', ttl: 5, least: 3, most: 12 },
  { why: 'for as long as its ticket lasts, since its ttl is long,', ttl: 61, least: 12, most: 22 },
])(
  'a waiter that is killed: $why its successor waits',
  async ({ ttl, least, most }) => {
    await using scene = newScene()
    const id = await scene.lock.acquire(scene.name, { concurrency: 1, ttl: 60 })
    const waiter = await scene.contender('waiter', { ttl })
    waiter.acquire()
    await scene.queueOf(['waiter'])
    const successor = scene.hold('successor')
    await scene.queueOf(['waiter', 'successor'])
    await waiter.kill()
    await scene.lock.release(scene.name, id)
    const start = performance.now()
    const held = await successor
    const seconds = (performance.now() - start) / 1000
    expect(seconds).toBeGreaterThan(least)
    expect(seconds).toBeLessThan(most)
    await held.release()
    expect(await scene.owners()).toEqual({ holders: [], waiters: [] })
  },
  60_000,
)

it.concurrent(
  'one of several holders that is killed: its place is free when its lease ends',
  async () => {
    await using scene = newScene()
    const terms = { concurrency: 2, ttl: 2, keepAlive: true }
    const killed = await scene.contender('killed', terms)
    killed.acquire()
    await killed.held()
    const staying = await scene.hold('staying', { ...terms, ttl: 60 })
    const coming = scene.hold('coming', { concurrency: 2 })
    await scene.queueOf(['coming'])
    await killed.kill()
    const came = await coming
    expect(await scene.owners()).toEqual({ holders: ['staying', 'coming'], waiters: [] })
    await Promise.all([came.release(), staying.release()])
  },
  60_000,
)

it.concurrent.each([-3600, 3600])(
  'a clock that is wrong by %d s in one process makes no overlap',
  async clockOffset => {
    await using scene = newScene()
    const wrong = await scene.contender('wrong clock', { ttl: 30, wait: 0, clockOffset })
    const held = await scene.hold('tester', { ttl: 30 })
    wrong.acquire()
    await eventually(() => expect(wrong.lines).toContain('failed LOCK_UNAVAILABLE'))
    await held.release()

    wrong.acquire()
    await wrong.held()
    await expect(scene.hold('tester', { ttl: 30, wait: 0 })).rejects.toMatchObject({
      code: 'LOCK_UNAVAILABLE',
    })
    await wrong.release()
  },
  60_000,
)

it('twenty contenders, some of them processes of their own, get one lock in the order in which they came', async () => {
  await using scene = newScene()
  const names = Array.from({ length: 20 }, (_, index) => `contender ${index}`)
  const isProcess = (index: number): boolean => index % 5 === 3
  const processes = new Map(
    await Promise.all(
      names
        .filter((_, index) => isProcess(index))
        .map(async owner => [owner, await scene.contender(owner)] as const),
    ),
  )
  const first = await scene.hold('first')
  const turns: (() => Promise<() => Promise<unknown>>)[] = []
  for (const [index, owner] of names.entries()) {
    const contender = processes.get(owner)
    if (contender) {
      contender.acquire()
      turns.push(async () => {
        await contender.held()
        return () => contender.release()
      })
    } else {
      const holding = scene.hold(owner)
      turns.push(async () => {
        const held = await holding
        return () => held.release()
      })
    }
    await scene.queueOf(names.slice(0, index + 1))
  }
  await first.release()
  for (const [index, turn] of turns.entries()) {
    const leave = await turn()
    expect(await scene.owners()).toEqual({ holders: [names[index]], waiters: names.slice(index + 1) })
    await leave()
  }
}, 120_000)
