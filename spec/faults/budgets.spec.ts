import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import type { Lock } from '../../lib/index.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { freshName, lockAt } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

/** What is promised, and what a busy machine may add. */
const FIVE_SECONDS = 6_500
const exclusive = { concurrency: 1, ttl: 60 }

/** An etcd that hangs when it is told to, and locks on it. Each test has its own, so that all can run side by side. */
class Budget implements AsyncDisposable {
  readonly name = freshName()
  private readonly locks: Lock[] = []

  private constructor(readonly etcd: EtcdServer) {}

  static async start(): Promise<Budget> {
    return new Budget(await EtcdServer.start())
  }

  lock(config: object = {}, owner = 'tester'): Lock {
    const { endpoint, endpoints } = this.etcd
    const lock = lockAt(endpoint, { config: { endpoints, ...config }, owner })
    this.locks.push(lock)
    return lock
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.etcd.resume()
    await Promise.all(this.locks.map(lock => lock.close()))
    await this.etcd.stop()
  }
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

it.concurrent.each([{}, { read_timeout: 60 }])(
  'while etcd hangs, with %j, what is promised to end in five seconds does',
  async config => {
    await using budget = await Budget.start()
    const { name } = budget
    const [known, fresh] = [budget.lock(config), [budget.lock(config), budget.lock(config)]]
    const held = await known.hold(name, exclusive)
    const other = await known.hold(freshName(), exclusive)
    await budget.etcd.pause()
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
  },
  30_000,
)

const waitFor = async (
  budget: Budget,
  seconds: number,
): Promise<{ start: number; acquiring: Promise<Outcome> }> => {
  const { name } = budget
  const [holder, waiter] = [budget.lock(), budget.lock({}, 'waiter')]
  await holder.acquire(name, exclusive)
  const start = performance.now()
  const acquiring = outcomeOf(waiter.acquire(name, { ...exclusive, wait: seconds }))
  await eventually(async () => expect((await holder.inspect(name)).waiters).toHaveLength(1))
  return { start, acquiring }
}

it.concurrent(
  'when the time to wait is over while etcd hangs for a moment: others hold, as etcd has said',
  async () => {
    await using budget = await Budget.start()
    const { start, acquiring } = await waitFor(budget, 3)
    await delay(start + 2_000 - performance.now())
    await budget.etcd.pause()
    const { ms, code, message } = await acquiring
    expect(code).toBe('LOCK_UNAVAILABLE')
    expect(message).toContain('1 holder')
    expect(ms).toBeLessThan(3_900)
  },
  30_000,
)

it.concurrent(
  'when the time to wait is over while etcd hangs for long: etcd is the reason',
  async () => {
    await using budget = await Budget.start()
    const { acquiring } = await waitFor(budget, 8)
    await budget.etcd.pause()
    const { ms, code } = await acquiring
    expect(code).toBe('ETCD_UNAVAILABLE')
    expect(ms).toBeLessThan(9_900)
  },
  30_000,
)

it.concurrent(
  'when the time to wait is over and etcd hangs no more: others hold',
  async () => {
    await using budget = await Budget.start()
    const { acquiring } = await waitFor(budget, 6)
    await budget.etcd.pause()
    await delay(2_000)
    await budget.etcd.resume()
    const { ms, code } = await acquiring
    expect(code).toBe('LOCK_UNAVAILABLE')
    expect(ms).toBeLessThan(6_900)
  },
  30_000,
)
