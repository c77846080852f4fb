import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Lock } from '../../lib/lock/api/lock.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { StoreError } from '../../lib/store/store-error.js'
import { FaultyStore } from '../support/faulty-store.js'

const MOST_ASKED = 200
let memory: MemoryStore
let line: FaultyStore
let lock: Lock
let holder: Lock

beforeEach(() => {
  memory = new MemoryStore()
  line = new FaultyStore(memory)
  lock = new Lock({ store: line, prefix: 'custom', owner: 'onlooker', dryRun: true })
  holder = new Lock({ store: memory, prefix: 'custom', owner: 'holder', dryRun: false })
})
afterEach(async () => {
  await Promise.all([lock.close(), holder.close()])
  await memory.close()
})

it.each<[string, () => Promise<never>]>([
  ['refuses to tell', () => Promise.reject(new StoreError('refused', 'The test refuses.'))],
  ['cannot be reached', () => Promise.reject(new StoreError('unreachable', 'The test cut the line.'))],
  ['does not answer', () => new Promise(() => {})],
])('a lock is shown by its terms when etcd %s what is left of its lease', async (_, remaining) => {
  await holder.exclusive('renewed', { ttl: 20 })
  await holder.hold('plain', { concurrency: 1, ttl: 60 })
  Object.assign(line.leases, { remaining })
  const start = performance.now()
  expect((await lock.inspect('renewed')).holders).toMatchObject([{ renewed: true, remaining: 20 }])
  const [plain, renewed] = await lock.list()
  expect(renewed!.holders).toMatchObject([{ renewed: true, remaining: 20 }])
  expect(Math.abs(plain!.holders[0]!.remaining - 60)).toBeLessThan(10)
  expect(performance.now() - start).toBeLessThan(10_000)
})

it('a listing of many locks asks of so many leases at once and no more, of those that are renewed first', async () => {
  const names = Array.from({ length: MOST_ASKED + 50 }, (_, at) => `n${String(at).padStart(3, '0')}`)
  for (const name of names) await holder.acquire(name, { concurrency: 1, ttl: 60 })
  const renewed = ['z1', 'z2']
  for (const name of renewed) await holder.exclusive(name, { ttl: 20 })
  let asked = 0
  Object.assign(line.leases, { remaining: (id: string) => (asked++, memory.leases.remaining(id)) })
  const states = await lock.list()
  expect(states).toHaveLength(names.length + renewed.length)
  expect(asked).toBe(MOST_ASKED)
  for (const { name, holders } of states) {
    const [only] = holders
    if (renewed.includes(name)) expect([18, 19]).toContain(only!.remaining)
    else expect(only!.remaining).toBeGreaterThan(50)
  }
})
