import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type AcquireOptions, InvalidLockError, Lock } from '../../../lib/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'
import { eventually } from '../../support/eventually.js'
import { logSpy } from '../../support/log-spy.js'

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

it.each<[unknown, string]>([
  [undefined, 'the options must be an object, got undefined.'],
  [7, 'the options must be an object, got 7.'],
  [{ signal: {} }, "the option 'signal' must be an AbortSignal, got an object."],
  [{ onWait: 'x' }, `the option 'onWait' must be a function, got "x".`],
  [{ allowReentry: 'yes' }, "the option 'allowReentry' must be true or false"],
  [{ tll: 5 }, "unknown option 'tll'. Did you mean 'ttl'?"],
  [{ xyz: 5 }, "unknown option 'xyz'; known are: concurrency, ttl"],
])('acquire, acquired and hold refuse the options %p', async (options, message) => {
  const wrong = (
    typeof options === 'object' ? { concurrency: 1, ttl: 60, ...options } : options
  ) as AcquireOptions
  for (const refused of [
    lock.acquire('name', wrong),
    dry.acquire('name', wrong),
    lock.hold('name', wrong),
    lock.acquired('name', wrong, () => 'ran'),
  ]) {
    await expect(refused).rejects.toBeInstanceOf(InvalidLockError)
    await expect(refused).rejects.toThrow(message)
  }
})

it.each([-1, 60, 61, NaN, '1', null])(
  'hold refuses to say %p s before the deadline that it expires',
  async expiring => {
    const refused = lock.hold('name', { concurrency: 1, ttl: 60, expiring: expiring as number })
    await expect(refused).rejects.toBeInstanceOf(InvalidLockError)
    await expect(refused).rejects.toThrow(
      "'expiring' must be a number of seconds from 0 to less than the ttl",
    )
  },
)

it.each<() => unknown>([
  () => {
    throw new Error('from onWait')
  },
  () => Promise.reject(new Error('from onWait')),
])('what onWait throws or rejects with is logged, and does not end the wait', async onWait => {
  const { log, lines } = logSpy()
  const held = await lock.hold('name', { concurrency: 1, ttl: 60 })
  const other = new Lock({ store, prefix: 'custom', owner: 'other', dryRun: false, logger: log })
  const waiting = other.acquire('name', { concurrency: 1, ttl: 60, onWait: onWait })
  await eventually(() => expect(lines.map(({ msg }) => msg)).toContain('onWait has thrown'))
  await held.release()
  await waiting
  await other.close()
})

it('release never rejects, whatever it is given', async () => {
  await lock.release(Object.create(null) as string, 'id')
  await lock.release(undefined as unknown as string, undefined as unknown as string)
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
