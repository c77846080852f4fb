import { afterAll, describe, expect, it } from '@jest/globals'
import {
  cookbookLock,
  getLockInstance,
  InvalidLockError,
  Lock,
  type LockInstanceOptions,
  NoLock,
} from '../../../lib/index.js'
import { RelukkoAdapter, RelukkoClient } from '../../../lib/relukko/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'

const terms = { concurrency: 1, ttl: 60 }
const store = new MemoryStore()
const locks = {
  Lock: new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: false }),
  'Lock in dry-run': new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: true }),
  NoLock: new NoLock(),
}
afterAll(() => store.close())

/** Called as by a program that no compiler has checked. */
const call = (target: object, method: string, ...args: unknown[]): Promise<unknown> =>
  new Promise(resolve =>
    resolve((target as Record<string, (...given: unknown[]) => unknown>)[method]!(...args)),
  )

const nothing = (): void => {}
const request = { name: 'a', ...terms }

const wrong: [method: string, args: unknown[], message: string][] = [
  [
    'acquire',
    ['a', { ...terms, keepAlive: true }],
    "acquire: the option 'keepAlive' has no meaning here, but in",
  ],
  ['acquire', ['a', { ...terms, expiring: 5 }], "acquire: the option 'expiring' has no meaning here, but in"],
  [
    'acquire',
    ['a', { ...terms, onLost: 'throw' }],
    "acquire: the option 'onLost' has no meaning here, but in",
  ],
  ['acquire', ['a', { ...terms, tll: 5 }], "acquire: unknown option 'tll'. Did you mean 'ttl'?"],
  ['acquire', ['a', { ...terms, wait: -1 }], "'wait' must be"],
  ['acquire', ['a', { ...terms, ttl: 0 }], "'ttl' must be"],
  ['acquire', ['a', { ttl: 60 }], "'concurrency' must be"],
  ['acquire', ['a'], 'acquire: the options must be an object, got undefined.'],
  ['acquire', ['a', { ...terms, signal: { throwIfAborted: nothing } }], "'signal' must be an AbortSignal"],
  ['acquire', ['a/b', terms], "The lock name cannot contain '/'"],
  [
    'hold',
    ['a', { ...terms, onLost: 'throw' }],
    "hold: the option 'onLost' has no meaning here, but in: acquired,",
  ],
  ['hold', ['a', { ...terms, expiring: 60 }], "'expiring' must be"],
  ['hold', ['a', { ...terms, keepAlive: 'yes' }], "hold: the option 'keepAlive' must be true or false"],
  ['hold', ['a', 60], 'hold: the options must be an object, got 60.'],
  [
    'acquired',
    ['a', { ...terms, onLost: 'shrug' }, nothing],
    "acquired: the option 'onLost' must be 'throw' or",
  ],
  ['acquired', ['a', { ...terms, name: 'b' }, nothing], "acquired: unknown option 'name'"],
  ['acquired', ['a', terms], 'acquired: what to run while holding must be a function'],
  ['acquireAll', ['a'], 'acquireAll: the locks must be given as a list, got "a".'],
  [
    'acquireAll',
    [[{ ...request, keepAlive: true }]],
    "acquireAll: requests[0]: the option 'keepAlive' has no meaning",
  ],
  ['acquireAll', [[request, { ...request, nmae: 'b' }]], "acquireAll: requests[1]: unknown option 'nmae'"],
  ['acquireAll', [[request], { ttl: 9 }], "acquireAll: the option 'ttl' has no meaning here"],
  ['acquireAll', [[request], { onLost: 'throw' }], "acquireAll: the option 'onLost' has no meaning here"],
  ['acquireAll', [[request], { wait: 'long' }], "'wait' must be"],
  ['acquireAll', [[request, request]], 'must have different names'],
  [
    'acquiredAll',
    [[request], { concurrency: 1 }, nothing],
    "acquiredAll: the option 'concurrency' has no meaning",
  ],
  ['acquiredAll', [undefined, {}, nothing], 'the locks must be given as a list, got undefined.'],
  [
    'exclusive',
    ['a', { concurrency: 2 }],
    "exclusive: the option 'concurrency' has no meaning here, but in: acquire,",
  ],
  ['exclusive', ['a', 30], 'exclusive: the options must be an object, got 30.'],
  ['shared', ['a', { concurrency: 0 }], "shared: the option 'concurrency' has no meaning here"],
  ['semaphore', ['a', 2, { concurrency: 2 }], "semaphore: the option 'concurrency' has no meaning here"],
  ['semaphore', ['a', 0], 'semaphore: the number of permits must be an integer from 1 on, got 0.'],
  ['semaphore', ['a', { permits: 2 }], 'semaphore: the number of permits must be an integer from 1 on'],
  ['tryAcquire', ['a', { wait: 5 }], "tryAcquire: the option 'wait' has no meaning here"],
  ['tryAcquire', ['a', { onWait: nothing }], "tryAcquire: the option 'onWait' has no meaning here"],
  ['tryAcquire', ['a', { onLost: 'ignore' }], "tryAcquire: the option 'onLost' has no meaning here"],
  ['extend', ['a', 'id', 0], "Unable to extend, argument 'ttl' must be"],
  ['extend', ['a', undefined, 60], 'The id of a holding must be a non-empty text, got undefined.'],
  ['forceRelease', ['a', 7, { reason: 'why' }], 'The id of a holding must be a non-empty text, got 7.'],
  ['forceRelease', ['a', 'id', { reason: ' ' }], 'The reason to release by force must be'],
  ['forceRelease', ['a', 'id', { reason: 'why', by: 'me' }], "forceRelease: unknown option 'by'"],
  ['events', ['a', { sginal: 1 }], "events: unknown option 'sginal'. Did you mean 'signal'?"],
  ['events', [{ name: 'a' }], 'The lock name must be a string'],
  ['list', [{ prefx: 'custom' }], "list: unknown option 'prefx'. Did you mean 'prefix'?"],
  ['get', [''], 'The lock name cannot be empty'],
  ['inspect', [7], 'The lock name must be a string'],
]

describe.each(Object.entries(locks))('a %s refuses', (_, lock) => {
  it.each(wrong)('%s(%j)', async (method, args, message) => {
    const refused = call(lock, method, ...args)
    await expect(refused).rejects.toBeInstanceOf(InvalidLockError)
    await expect(refused).rejects.toThrow(message)
    expect(await locks.Lock.list()).toEqual([])
  })

  it('on a handle: an event that there is none of, and what is no listener', async () => {
    const held = await lock.hold('handle', terms)
    for (const method of ['on', 'off']) {
      await expect(call(held, method, 'lost', nothing)).rejects.toThrow(
        new InvalidLockError(`${method}: the event must be 'expiring', got "lost".`),
      )
      await expect(call(held, method, 'expiring')).rejects.toThrow(
        new InvalidLockError(`${method}: the listener must be a function, got undefined.`),
      )
    }
    await expect(held.extend(0.5)).rejects.toThrow("argument 'ttl' must be")
    await held.release()
  })

  it('nothing that is right, and an option that is undefined counts as not given', async () => {
    const all = { wait: 1, signal: new AbortController().signal, onWait: nothing, allowReentry: true }
    const kept = { ...all, keepAlive: true, expiring: 1 }
    await lock.release('a', await lock.acquire('a', { ...terms, ...all }))
    await lock.acquired('a', { ...terms, ...kept, onLost: 'ignore' }, nothing)
    await lock.acquiredAll([request], { ...kept, onLost: 'ignore' }, nothing)
    for (const held of [
      await lock.hold('a', { ...terms, ...kept }),
      await lock.acquireAll([{ ...request, name: 'b' }], kept),
      await lock.exclusive('c', { ttl: 5, ...kept }),
      (await call(lock, 'shared', 'd', { ttl: undefined, concurrency: undefined })) as Disposable,
      await lock.semaphore('e', 2, { ttl: 5 }),
      await lock.tryAcquire('f', { ...terms, keepAlive: true, expiring: 1, signal: all.signal }),
    ]) {
      await (held as unknown as AsyncDisposable)[Symbol.asyncDispose]()
    }
  })
})

it('an empty id, which a NoLock gives out, is none of a Lock', async () => {
  await expect(locks.Lock.extend('a', '', 60)).rejects.toThrow('must be a non-empty text, got "".')
  await locks.NoLock.extend('a', '', 60)
  await locks.NoLock.forceRelease('a', '', { reason: 'why' })
})

it('release, which never rejects, logs what is wrong', async () => {
  await call(locks.Lock, 'release', 'a', { id: 'x' })
  await call(locks.NoLock, 'release')
})

describe('getLockInstance', () => {
  it.each<[unknown, string]>([
    [undefined, 'getLockInstance: the options must be an object, got undefined.'],
    [{ dryrun: false }, "getLockInstance: unknown option 'dryrun'. Did you mean 'dryRun'?"],
    [{ dryRun: 'no' }, "getLockInstance: the option 'dryRun' must be true or false"],
    [{ store }, "getLockInstance: unknown option 'store'"],
    [{ owner: 'x'.repeat(1_025) }, 'The owner of locks must be at most 1024 bytes, got 1025'],
    [{ logger: console }, undefined as never],
  ])('with and without locks refuses %j', (options, message) => {
    for (const configFile of [null, '/dev/null']) {
      const given = options && { configFile, prefix: 'custom', owner: 'me', ...options }
      const attempt = (): unknown => getLockInstance(given as LockInstanceOptions)
      if (message === undefined) attempt()
      else expect(attempt).toThrow(InvalidLockError)
      if (message !== undefined) expect(attempt).toThrow(message)
    }
  })
})

describe('cookbookLock', () => {
  it.each<[unknown[], string]>([
    [[undefined], 'The full name of the cookbook must be a non-empty text, got undefined.'],
    [['a', null], 'cookbookLock: the options must be an object, got null.'],
    [['a', { sufix: 'x' }], "cookbookLock: unknown option 'sufix'. Did you mean 'suffix'?"],
    [['a', { suffix: 7 }], "cookbookLock: the option 'suffix' must be a text, got 7."],
    [['a', { concurrency: -1 }], "'concurrency' must be a non-negative integer, got -1."],
    [['a', { ttl: '60' }], `'ttl' must be a positive integer of seconds`],
    [['a', { suffix: 'x/y' }], "The lock name cannot contain '/'"],
  ])('refuses %j', (args, message) => {
    const attempt = (): unknown => (cookbookLock as (...given: unknown[]) => unknown)(...args)
    expect(attempt).toThrow(InvalidLockError)
    expect(attempt).toThrow(message)
  })
})

describe('Relukko', () => {
  const invalid = { code: 'RELUKKO_INVALID' }

  it.each<[unknown, string]>([
    [undefined, 'RelukkoAdapter: the options must be an object, got undefined.'],
    [{ confg: {} }, "RelukkoAdapter: unknown option 'confg'. Did you mean 'config'?"],
    [{ store, config: {} }, "RelukkoAdapter: give 'config' or 'store', not both."],
    [{ store: {} }, "RelukkoAdapter: the option 'store' must be a Store"],
    [{ graceSeconds: -1 }, "the option 'graceSeconds' must be an integer from 0 on, got -1."],
    [{ allowedPrefixes: 'a' }, "the option 'allowedPrefixes' must be a list of prefixes"],
  ])('RelukkoAdapter refuses %j', (options, message) => {
    const attempt = (): unknown => new RelukkoAdapter(options as never)
    expect(attempt).toThrow(expect.objectContaining(invalid))
    expect(attempt).toThrow(message)
  })

  it('refuses to change what it does not know', async () => {
    const client = new RelukkoClient('http://127.0.0.1:1', 'key')
    for (const relukko of [new RelukkoAdapter({ store }), client]) {
      const change = call(relukko, 'updateRelukko', 'id', { expires_at: new Date() })
      await expect(change).rejects.toMatchObject(invalid)
      await expect(change).rejects.toThrow(
        "updateRelukko: unknown field 'expires_at'; known are: creator, expiresAt.",
      )
    }
    const reconfigured = call(client, 'reconfigureRelukko', { timeout: 5 })
    await expect(reconfigured).rejects.toMatchObject(invalid)
    await expect(reconfigured).rejects.toThrow("reconfigureRelukko: unknown field 'timeout'")
    await client.close()
  })
})
