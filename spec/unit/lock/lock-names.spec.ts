import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type AcquireOptions, InvalidLockError, Lock } from '../../../lib/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'
import { logSpy } from '../../support/log-spy.js'

const options: AcquireOptions = { concurrency: 1, ttl: 60, wait: 0 }
const { log, lines } = logSpy()
let store: MemoryStore
let lock: Lock
let modules: Lock

beforeEach(() => {
  lines.length = 0
  store = new MemoryStore()
  const common = { store, owner: 'tester', dryRun: false, logger: log }
  lock = new Lock({ ...common, prefix: 'custom' })
  modules = new Lock({ ...common, prefix: 'modules' })
})
afterEach(() => store.close())

const methods: [string, (target: Lock, name: string) => Promise<unknown>][] = [
  ['get', (target, name) => target.get(name)],
  ['acquire', (target, name) => target.acquire(name, options)],
  ['acquired', (target, name) => target.acquired(name, options, () => 'ran')],
  ['hold', (target, name) => target.hold(name, options)],
  ['extend', (target, name) => target.extend(name, 'id', 60)],
  ['inspect', (target, name) => target.inspect(name)],
]

const badNames: [unknown, string][] = [
  ['', 'cannot be empty'],
  ['/', "cannot contain '/'"],
  ['a/b', "cannot contain '/'"],
  ['a\0b', 'cannot contain control characters'],
  ['a\nb', 'cannot contain control characters'],
  ['\u001f', 'cannot contain control characters'],
  ['a\u007f', 'cannot contain control characters'],
  ['a\u0080', 'cannot contain control characters'],
  ['a\u009f', 'cannot contain control characters'],
  ['a\ud800', 'must be well-formed Unicode'],
  ['\udc00a', 'must be well-formed Unicode'],
  ['x'.repeat(513), 'cannot be longer than 512 bytes'],
  ['ä'.repeat(256) + 'x', 'cannot be longer than 512 bytes'],
  ['🔒'.repeat(128) + 'x', 'cannot be longer than 512 bytes'],
  [undefined, 'must be a string'],
  [null, 'must be a string'],
  [7, 'must be a string'],
  [7n, 'must be a string'],
  [['a'], 'must be a string'],
]

const goodNames = [
  'a',
  '.',
  '..',
  ' ',
  'with space',
  'sre.hosts.reimage:codfw',
  '100%',
  '%2F',
  'a\\b',
  '__proto__',
  '\u00a0',
  'größe 🔒',
  'x'.repeat(512),
  'ä'.repeat(256),
  '🔒'.repeat(128),
]

describe('a name', () => {
  describe.each(badNames)('%p', (name, problem) => {
    it.each(methods)('is refused by %s', async (_method, call) => {
      const refused = call(lock, name as string)
      await expect(refused).rejects.toBeInstanceOf(InvalidLockError)
      await expect(refused).rejects.toThrow(`The lock name ${problem}, got: `)
    })

    it('is logged by release, which does not reject', async () => {
      await lock.release(name as string, 'id')
      const err = expect.objectContaining({ message: expect.stringContaining(problem) as unknown }) as unknown
      const msg = 'Failed to release lock'
      expect(lines).toContainEqual(expect.objectContaining({ level: 'error', msg, id: 'id', err }))
    })
  })

  it.each(goodNames)('%j is that of a lock', async name => {
    const id = await lock.acquire(name, options)
    const key = `/spicerack/locks/custom/${name}`
    expect(await lock.inspect(name)).toMatchObject({ prefix: 'custom', name, key, holders: [{ id }] })
    expect((await lock.list()).map(state => state.name)).toEqual([name])
    await lock.release(name, id)
    expect(await lock.list()).toEqual([])
  })

  it('is listed under its own prefix, also by a Lock that uses another', async () => {
    await lock.acquire('listed', options)
    const other = new Lock({ store, prefix: 'cookbooks', owner: 'other' })
    expect(await other.list()).toEqual([])
    expect(await other.list({ prefix: 'custom' })).toMatchObject([{ prefix: 'custom', name: 'listed' }])
    await expect(other.list({ prefix: 'etcd' })).rejects.toThrow('Invalid prefix "etcd"')
  })

  it('locks nothing but itself', async () => {
    const ids = await Promise.all(goodNames.map(name => lock.acquire(name, options)))
    const holders = (await lock.list()).map(state => state.holders.map(({ id }) => id))
    expect(holders.map(([id, ...others]) => (others.length ? undefined : id)).sort()).toEqual(ids.sort())
  })
})

describe('under the prefix modules', () => {
  it.each(['spicerack.dhcp.DHCP:codfw', 'spicerack.'])('the name %s is fine', async name => {
    const id = await modules.acquire(name, options)
    expect([...(await modules.get(name)).locks.keys()]).toEqual([id])
  })

  describe.each(['dhcp', 'spicerack', 'Spicerack.dhcp', ' spicerack.dhcp'])('the name %j', name => {
    it.each(methods)('is refused by %s', async (_method, call) => {
      const refused = call(modules, name)
      await expect(refused).rejects.toBeInstanceOf(InvalidLockError)
      await expect(refused).rejects.toThrow(
        `The lock name must start with 'spicerack.' under the prefix 'modules', got: "${name}"`,
      )
    })
  })
})
