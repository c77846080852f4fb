import { afterAll, beforeEach, describe, expect, it } from '@jest/globals'
import { Lock, Timestamp } from '../../lib/index.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { RelukkoAdapter } from '../../lib/relukko/index.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { freshName } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const store = new MemoryStore()
const relukko = new RelukkoAdapter({ store })
const native = new Lock({ store, prefix: 'custom', owner: 'a cookbook', dryRun: false })
let name: string
beforeEach(() => {
  name = freshName()
})
afterAll(async () => {
  await Promise.all([relukko.close(), native.close()])
  await store.close()
})

const records = async (): Promise<string[]> => {
  const read = { compare: [], success: [{ type: 'range' as const, ...LockKey.records }], failure: [] }
  return (await store.commit(read)).results[0]!.map(kv => kv.key)
}

describe('a lock that was taken through Relukko', () => {
  it('keeps what Relukko knows of it when it is extended by its id', async () => {
    const lock = (await relukko.acquireRelukko(name, null, 0))!
    await native.extend(name, lock.id, 1_000)
    const after = await relukko.getLock(lock.id)
    const { id, lockName, creator, ip, createdAt, expiresAt } = lock
    expect(after).toMatchObject({ id, lockName, creator, ip, createdAt })
    expect(lock.updatedAt.isBefore(after.updatedAt)).toBe(true)
    expect(Math.abs(Timestamp.now().secondsUntil(after.expiresAt) - 1_000)).toBeLessThan(2)
    expect(expiresAt.isBefore(after.expiresAt)).toBe(true)
    // What is changed afterwards is on the same lease.
    await relukko.addToExpiresAtTimePut(lock.id, 60)
    expect(after.expiresAt.secondsUntil((await relukko.getLock(lock.id)).expiresAt)).toBe(60)
  })

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['its id', id => native.release(name, id)],
    ['force', id => native.forceRelease(name, id, { reason: 'test' })],
    ['its client', id => relukko.deleteRelukko(id)],
  ])('leaves nothing of it when it is released by %s', async (_, release) => {
    const { id } = (await relukko.acquireRelukko(name, 'me', 0))!
    expect(await records()).toContain(LockKey.record(id))
    await release(id)
    expect(await records()).not.toContain(LockKey.record(id))
    await expect(relukko.getLock(id)).rejects.toMatchObject({ code: 'RELUKKO_NOT_FOUND' })
  })
})

describe('a lock that was taken by others', () => {
  it.each(['100%', '50%25', '%', 'a%2fb', '%2F'])(
    'named %j is known, kept alive and deleted by its id',
    async raw => {
      const full = `${name} ${raw}`
      const id = await native.acquire(full, { concurrency: 1, ttl: 60 })
      expect((await relukko.getLocks()).map(lock => lock.id)).toContain(id)
      expect((await relukko.getLock(id)).creator).toBe('a cookbook')
      await relukko.keepRelukkoAlivePut(id, 900)
      expect((await native.inspect(full)).holders).toMatchObject([{ id, ttl: 900 + 180 }])
      await relukko.deleteRelukko(id)
      expect((await native.inspect(full)).holders).toEqual([])
    },
  )

  it('lasts for what its holder was promised, whatever Relukko makes of its expiry', async () => {
    const held = await native.hold(name, { concurrency: 1, ttl: 1_000 })
    for (const seconds of [1, 2]) {
      const { expiresAt } = await relukko.keepRelukkoAlivePut(held.id, seconds)
      expect(Timestamp.now().secondsUntil(expiresAt)).toBeLessThanOrEqual(seconds)
      expect((await native.inspect(name)).holders).toMatchObject([{ ttl: 1_000 }])
    }
    await eventually(() => expect(held.remaining()).toBeLessThan(1_000))
    expect(held.remaining()).toBeGreaterThan(990)
    await held.release()
  })

  it('is held since it was taken, and does not look expired while its holder renews it', async () => {
    const held = await native.hold(name, { concurrency: 1, ttl: 2, keepAlive: true })
    const start = performance.now()
    const { createdAt } = await relukko.getLock(held.id)
    await held.extend(3)
    await eventually(() => expect(performance.now() - start).toBeGreaterThan(3_500), 5_000)
    const all = await relukko.getLocks()
    for (const lock of [await relukko.getLock(held.id), all.find(({ id }) => id === held.id)!]) {
      expect(lock).toMatchObject({ createdAt })
      expect(Timestamp.now().secondsUntil(lock.expiresAt)).toBeGreaterThan(2)
    }
    await held.release()
  })

  it('is left alone while its holder renews it', async () => {
    const held = await native.exclusive(name)
    await expect(relukko.keepRelukkoAlivePut(held.id, 900)).rejects.toMatchObject({ code: 'LOCK_RENEWED' })
    expect((await native.inspect(name)).holders).toMatchObject([{ ttl: 30 }])
    await held.release()
  })

  it('is shown to its holder as extended, and leaves no record when the holder releases it', async () => {
    const held = await native.hold(name, { concurrency: 1, ttl: 60 })
    await relukko.keepRelukkoAlivePut(held.id, 900)
    await eventually(() => expect(held.remaining()).toBeGreaterThan(800))
    expect(await records()).toContain(LockKey.record(held.id))
    await held.release()
    expect(await records()).not.toContain(LockKey.record(held.id))
  })

  it('is lost to its holder as released by its id when it is deleted', async () => {
    const held = await native.hold(name, { concurrency: 1, ttl: 60 })
    await relukko.deleteRelukko(held.id)
    await eventually(() => expect(held.signal.reason).toMatchObject({ reason: 'released-elsewhere' }))
  })

  it('by software that writes the KeyLocks alone is known by its id', async () => {
    const entry = { concurrency: 1, created: String(Timestamp.now()), owner: 'Python', ttl: 60 }
    const id = '7d5a6e8e-3a5c-4b7b-9f0a-1b2c3d4e5f60'
    const put = {
      type: 'put' as const,
      key: new LockKey('custom', name).path,
      value: JSON.stringify({ [id]: entry }),
    }
    await store.commit({ compare: [], success: [put], failure: [] })
    expect(await relukko.getLock(id)).toMatchObject({ lockName: name, creator: 'Python' })
    expect((await relukko.deleteRelukko(id)).creator).toBe('Python')
    expect((await relukko.getLocks()).map(lock => lock.id)).not.toContain(id)
  })
})
