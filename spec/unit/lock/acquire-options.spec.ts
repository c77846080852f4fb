import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type AcquireOptions, InvalidLockError, Lock } from '../../../lib/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'

let store: MemoryStore
let lock: Lock
let dry: Lock

beforeEach(() => {
  store = new MemoryStore()
  lock = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: false })
  dry = new Lock({ store, prefix: 'custom', owner: 'tester' })
})
afterEach(() => store.close())

const badTtls = [0, -1, 1.5, '10', 9e9 + 1, NaN, Infinity, null]
const bad: [keyof AcquireOptions, unknown][] = [
  ...[-1, 1.5, '1', NaN, null, undefined].map(value => ['concurrency', value] as ['concurrency', unknown]),
  ...[...badTtls, undefined].map(value => ['ttl', value] as ['ttl', unknown]),
  ...[-1, NaN, -Infinity, '5', null].map(value => ['wait', value] as ['wait', unknown]),
]

describe('acquire', () => {
  it.each(bad)('refuses %s %p and names it, in dry-run too', async (field, value) => {
    const options = { concurrency: 1, ttl: 60, wait: 0, [field]: value } as AcquireOptions
    for (const each of [lock, dry]) {
      const refused = each.acquire('name', options)
      await expect(refused).rejects.toBeInstanceOf(InvalidLockError)
      await expect(refused).rejects.toThrow(`'${field}' must be`)
      await expect(refused).rejects.toThrow(
        `got ${typeof value === 'string' ? `"${value}"` : String(value)}.`,
      )
    }
    expect(await lock.list()).toEqual([])
  })

  it.each([
    { concurrency: 0 },
    { concurrency: 1_000_000 },
    { ttl: 1 },
    { ttl: 9e9 },
    { wait: 0 },
    { wait: 0.5 },
    { wait: Infinity },
  ])('takes %j', async option => {
    const options = { concurrency: 1, ttl: 60, ...option }
    const id = await lock.acquire('name', options)
    const { concurrency, ttl } = options
    expect((await lock.inspect('name')).holders).toMatchObject([{ id, concurrency, ttl }])
  })
})

describe('extend', () => {
  it.each(badTtls)('refuses the ttl %p and changes nothing', async ttl => {
    const id = await lock.acquire('name', { concurrency: 1, ttl: 60 })
    for (const each of [lock, dry]) {
      const refused = each.extend('name', id, ttl as number)
      await expect(refused).rejects.toBeInstanceOf(InvalidLockError)
      await expect(refused).rejects.toThrow("'ttl' must be a positive integer of seconds")
    }
    expect((await lock.get('name')).locks.get(id)!.ttl).toBe(60)
  })

  it('changes nothing in dry-run', async () => {
    const id = await lock.acquire('name', { concurrency: 1, ttl: 60 })
    await dry.extend('name', id, 120)
    expect((await lock.get('name')).locks.get(id)!.ttl).toBe(60)
  })
})
