import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { KeyRange } from '../../../lib/kv/key-value.js'
import { Lock } from '../../../lib/lock/api/lock.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import type { Watch, WatchListener } from '../../../lib/store/store.js'
import { StoreError } from '../../../lib/store/store-error.js'
import { eventually } from '../../support/eventually.js'

const NEVER = new Promise<void>(() => {})
const TERMS = { concurrency: 1, ttl: 30 }
const { holders, markers } = new LockKey('custom', 'name')

let memory: MemoryStore
let locks: Lock[]
beforeEach(() => {
  memory = new MemoryStore()
  locks = []
})
afterEach(() => Promise.all(locks.map(lock => lock.close())))

/** A store of which some watches do not come, as where etcd is silent; those of ids, and of markers, do. */
function storeWith(isPending: (range: KeyRange) => boolean) {
  const standing = new Set<WatchListener>()
  const pending: string[] = []
  const watch = (range: KeyRange, listener: WatchListener): Watch => {
    if (isPending(range)) {
      pending.push(range.key)
      return { ready: NEVER, close: () => {} }
    }
    if (isOfIds(range)) standing.add(listener)
    return memory.watch(range, listener)
  }
  const store = Object.assign(Object.create(memory) as MemoryStore, { watch })
  return { pending, standing, store }
}

const isOfIds = ({ key }: KeyRange): boolean =>
  (key.startsWith(holders.key) && key !== holders.key) || key.includes('/forced/')

function lockOf(owner: string, store: MemoryStore): Lock {
  const lock = new Lock({ store, prefix: 'custom', owner, dryRun: false })
  locks.push(lock)
  return lock
}

it.each([
  ['one lock', ['name']],
  ['a set', ['name', 'other']],
])('a request for %s waits for no watch that has ended with another', async (_, names) => {
  let isSilent = true
  const { pending, standing, store } = storeWith(range => isSilent && !isOfIds(range))
  const held = await lockOf('holder', memory).acquireAll(names.map(name => ({ name, ...TERMS })))
  const asked = lockOf('waiter', store).acquireAll(
    names.map(name => ({ name, ...TERMS })),
    { wait: 60 },
  )
  await eventually(() => expect(pending).not.toHaveLength(0))
  isSilent = false
  for (const listener of standing) listener.onEnd(new StoreError('refused', 'permission denied'))
  await held.release()
  await (await asked).release()
})

it('a request that its process hands the lock hears of it while its watches are awaited', async () => {
  const { pending, store } = storeWith(range => !range.key.startsWith(markers.key))
  const lock = lockOf('both', store)
  const held = await lock.acquire('name', TERMS)
  const asked = lock.acquire('name', { ...TERMS, wait: 60 })
  await eventually(() => expect(pending).not.toHaveLength(0))
  await lock.release('name', held)
  await lock.release('name', await asked)
})

it.each([
  ['one lock', ['name'], 'of its id', (range: KeyRange) => isOfIds(range)],
  ['a set', ['name', 'other'], 'of its id', (range: KeyRange) => isOfIds(range)],
  ['one lock', ['name'], 'of what is before it', (range: KeyRange) => !isOfIds(range)],
  ['a set', ['name', 'other'], 'of what is before it', (range: KeyRange) => !isOfIds(range)],
])('a request for %s %j is told of watches %s that are refused', async (_, names, _of, isRefused) => {
  const refusal = new StoreError('refused', 'permission denied')
  let opened = 0
  const watch = (range: KeyRange, listener: WatchListener): Watch => {
    if (!isRefused(range)) return memory.watch(range, listener)
    opened++
    const ready = Promise.resolve().then(() => {
      listener.onEnd(refusal)
      throw refusal
    })
    ready.catch(() => {})
    return { ready, close: () => {} }
  }
  const store = Object.assign(Object.create(memory) as MemoryStore, { watch })
  const requests = names.map(name => ({ name, ...TERMS }))
  await lockOf('holder', memory).acquireAll(requests)
  const asked = lockOf('waiter', store).acquireAll(requests, { wait: 60 })
  await expect(asked).rejects.toThrow('permission denied')
  expect(opened).toBeLessThan(10)
})

it.each([
  ['its own key', false],
  ['its own key, though it has to look anew', true],
])(
  'a request that another process hands the lock hears of it by %s, whatever else it is to watch',
  async (_, hasGap) => {
    const { pending, standing, store } = storeWith(range => !isOfIds(range))
    const held = await lockOf('holder', memory).acquireAll([{ name: 'name', ...TERMS }])
    const asked = lockOf('waiter', store).acquire('name', { ...TERMS, wait: 60 })
    await eventually(() => expect(pending).not.toHaveLength(0))
    if (hasGap) for (const listener of standing) listener.onGap()
    await held.release()
    expect(await asked).toMatch(/-/)
  },
)
