import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { KeyRange } from '../../lib/kv/key-value.js'
import { Lock } from '../../lib/lock/api/lock.js'
import type { HeldLock } from '../../lib/lock/hold/held-lock.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { StoreError } from '../../lib/store/store-error.js'
import type { Watch, WatchListener } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'
import { FaultyStore } from '../support/faulty-store.js'

const refused = (): StoreError => new StoreError('refused', 'The test took the right to watch.')

/** Counts the watches that are open, and can refuse them. */
class WatchedStore extends FaultyStore {
  readonly open = new Set<{ readonly watch: Watch; readonly listener: WatchListener }>()
  isRefused: (range: KeyRange | readonly KeyRange[]) => boolean = () => false

  override watch(range: KeyRange | readonly KeyRange[], listener: WatchListener): Watch {
    if (this.isRefused(range)) {
      const ready = Promise.resolve().then(() => {
        listener.onEnd(refused())
        throw refused()
      })
      ready.catch(() => {})
      return { ready, close: () => {} }
    }
    const watch = super.watch(range, listener)
    const entry = { watch, listener }
    this.open.add(entry)
    const close = (): void => {
      this.open.delete(entry)
      watch.close()
    }
    return { ready: watch.ready, close }
  }

  /** As etcd ends them when a user loses the right to read. */
  endAll(): void {
    for (const { watch, listener } of [...this.open]) {
      this.open.clear()
      watch.close()
      listener.onEnd(refused())
    }
  }
}

let memory: MemoryStore
let line: WatchedStore
let lock: Lock
let other: Lock

beforeEach(() => {
  memory = new MemoryStore()
  line = new WatchedStore(memory)
  lock = new Lock({ store: line, prefix: 'custom', owner: 'us', dryRun: false })
  other = new Lock({ store: memory, prefix: 'custom', owner: 'other', dryRun: false })
})
afterEach(async () => {
  await lock.close()
  await other.close()
  await memory.close()
})

/** A handle whose holder key is watched. */
async function watched(concurrency: number): Promise<HeldLock> {
  const held = await lock.hold('held', { concurrency, ttl: 60, keepAlive: true })
  await eventually(() => expect(line.open.size).toBe(1))
  return held
}

describe('a holder whose watch etcd has ended', () => {
  it('watches again, and is told of its release by another process', async () => {
    const held = await watched(1)
    line.endAll()
    await other.release('held', held.id)
    await eventually(() => expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' }), 4_000)
  })

  it('watches again once it may', async () => {
    const held = await watched(1)
    line.isRefused = () => true
    line.endAll()
    await other.release('held', held.id)
    await new Promise(resolve => setTimeout(resolve, 1_200))
    line.isRefused = () => false
    await eventually(() => expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' }), 4_000)
  })
})

describe('a holder key that was deleted and put again by hand', () => {
  async function recreate(id: string): Promise<void> {
    const key = new LockKey('custom', 'held').holder(id)
    const range = { type: 'range' as const, key }
    const { results } = await memory.commit({ compare: [], success: [range], failure: [] })
    const { value, lease } = results[0]![0]!
    await memory.commit({ compare: [], success: [{ type: 'delete', key }], failure: [] })
    const put = { type: 'put' as const, key, value, ...(lease !== undefined && { lease }) }
    await memory.commit({ compare: [], success: [put], failure: [] })
  }

  it('is not that of the holding: its fencing token is another', async () => {
    const held = await watched(1)
    await recreate(held.id)
    await eventually(() => expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' }), 4_000)
  })

  it('is not that of the holding either when both changes are told at once', async () => {
    const held = await watched(1)
    const key = new LockKey('custom', 'held').holder(held.id)
    const range = { type: 'range' as const, key }
    const { results, revision } = await memory.commit({ compare: [], success: [range], failure: [] })
    const [own] = results[0]!
    const again = { ...own!, createRevision: revision + 2n, modRevision: revision + 2n }
    const { listener } = [...line.open][0]!
    listener.onEvents([
      { type: 'delete', key, modRevision: revision + 1n },
      { type: 'put', kv: again },
    ])
    await eventually(() => expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' }), 4_000)
  })

  it('does not keep an extension busy that was planned before', async () => {
    const held = await lock.hold('held', { concurrency: 2, ttl: 60 })
    await other.hold('held', { concurrency: 2, ttl: 60 })
    const commit = line.commit.bind(line)
    let isRecreated = false
    line.commit = async (transaction, options) => {
      if (!isRecreated && transaction.success.some(({ type }) => type === 'put')) {
        isRecreated = true
        await recreate(held.id)
      }
      if (line.calls > 1_000) throw new Error('The extension never ends.')
      return commit(transaction, options)
    }
    await lock
      .extend('held', held.id, 600)
      .catch((error: Error) => expect(error.message).not.toMatch(/never/))
    expect(isRecreated).toBe(true)
    expect(line.calls).toBeLessThan(50)
  })
})

it('a waiter whose watch etcd refuses leaves none of its others open', async () => {
  await other.hold('held', { concurrency: 1, ttl: 60 })
  const { path } = new LockKey('custom', 'held')
  line.isRefused = range => 'key' in range && range.key === path
  const waiting = lock.acquire('held', { concurrency: 1, ttl: 60, wait: 1 })
  await expect(waiting).rejects.toMatchObject({ code: 'LOCK_ERROR' })
  expect(line.open.size).toBe(0)
})

it('an extension of a lock that cannot be read takes no lease', async () => {
  const held = await lock.hold('held', { concurrency: 1, ttl: 60 })
  const before = line.granted.size
  const key = new LockKey('custom', 'held').path
  await memory.commit({ compare: [], success: [{ type: 'put', key, value: 'no JSON' }], failure: [] })
  await expect(held.extend(600)).rejects.toMatchObject({ code: 'LOCK_UNREADABLE' })
  expect(line.granted.size).toBe(before)
})
