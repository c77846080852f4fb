import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

/** What is promised, and what a busy machine may add. */
const FIVE_SECONDS = 6_500
const exclusive = { concurrency: 1, ttl: 60 }
const etcd = useEtcdServer()
let locks: Lock[]
let holder: Lock
let name: string

beforeEach(() => {
  locks = []
  holder = newLock()
  name = freshName()
})
afterEach(async () => {
  await etcd.get().resume()
  await eventually(() => holder.list(), 30_000)
  await Promise.all(locks.map(lock => lock.close()))
}, 60_000)

function newLock(config: object = {}): Lock {
  const { endpoint, endpoints } = etcd.get()
  const lock = lockAt(endpoint, { config: { endpoints, ...config } })
  locks.push(lock)
  return lock
}

interface Outcome {
  readonly ms: number
  readonly value?: unknown
  readonly code?: string
  readonly message?: string
}

async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  const start = performance.now()
  const end = (): { ms: number } => ({ ms: performance.now() - start })
  return work.then(
    value => ({ ...end(), value }),
    ({ code, message }: { code: string; message: string }) => ({ ...end(), code, message }),
  )
}

describe.each([{}, { read_timeout: 60 }])('while etcd hangs, with %j,', config => {
  it('what is promised to end in five seconds does', async () => {
    const [known, fresh] = [newLock(config), [newLock(config), newLock(config)]]
    const held = await known.hold(name, exclusive)
    const other = await known.hold(freshName(), exclusive)
    await etcd.get().pause()
    const outcomes = await Promise.all(
      [
        other.release(),
        held.verify(),
        held.extend(90),
        held.guard({ compare: [], success: [{ type: 'put', key: '/written', value: '' }] }),
        known.tryAcquire(freshName()),
        known.acquire(freshName(), { ...exclusive, wait: 0 }),
        fresh[0]!.acquire(freshName(), exclusive),
        fresh[1]!.extend(name, held.id, 90),
      ].map(outcomeOf),
    )
    expect(outcomes.map(({ code, value }) => code ?? value)).toEqual([
      false,
      ...Array<string>(7).fill('ETCD_UNAVAILABLE'),
    ])
    expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(FIVE_SECONDS)
    // What has failed left calls and revocations behind.
    expect((await outcomeOf(known.close())).ms).toBeLessThan(4_500)
  }, 30_000)
})

describe('when the time to wait is over while etcd hangs', () => {
  const waitFor = async (seconds: number): Promise<{ start: number; acquiring: Promise<Outcome> }> => {
    await holder.acquire(name, exclusive)
    const waiter = lockAt(etcd.get().endpoint, { owner: 'waiter' })
    locks.push(waiter)
    const start = performance.now()
    const acquiring = outcomeOf(waiter.acquire(name, { ...exclusive, wait: seconds }))
    await eventually(async () => expect((await holder.inspect(name)).waiters).toHaveLength(1))
    return { start, acquiring }
  }

  it('for a moment: others hold, as etcd has said', async () => {
    const { start, acquiring } = await waitFor(3)
    await delay(start + 2_000 - performance.now())
    await etcd.get().pause()
    const { ms, code, message } = await acquiring
    expect(code).toBe('LOCK_UNAVAILABLE')
    expect(message).toContain('1 holder')
    expect(ms).toBeLessThan(3_900)
  }, 30_000)

  it('for long: etcd is the reason', async () => {
    const { acquiring } = await waitFor(8)
    await etcd.get().pause()
    const { ms, code } = await acquiring
    expect(code).toBe('ETCD_UNAVAILABLE')
    expect(ms).toBeLessThan(9_900)
  }, 30_000)

  it('not any more: others hold', async () => {
    const { acquiring } = await waitFor(6)
    await etcd.get().pause()
    await delay(2_000)
    await etcd.get().resume()
    const { ms, code } = await acquiring
    expect(code).toBe('LOCK_UNAVAILABLE')
    expect(ms).toBeLessThan(6_900)
  }, 30_000)
})
