import { systemHost } from '../../lib/lock/engine/host.js'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import type { LeaseId } from '../../lib/kv/key-value.js'
import { LockService } from '../../lib/lock/api/lock-service.js'
import { Engine } from '../../lib/lock/engine/engine.js'
import { LockError } from '../../lib/model/errors.js'
import { Timestamp } from '../../lib/model/timestamp.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { RelukkoNotFoundError } from '../../lib/relukko/errors.js'
import { RecentLocks } from '../../lib/relukko/locks/recent-locks.js'
import { RelukkoLocks } from '../../lib/relukko/locks/relukko-locks.js'
import { RelukkoDTO } from '../../lib/relukko/relukko-dto.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { StoreError } from '../../lib/store/store-error.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'
import { FaultyStore, lineFaults } from '../support/faulty-store.js'

let store: MemoryStore
let line: FaultyStore
let commits: string[]
let first: RelukkoLocks
let second: RelukkoLocks

function locksOn(over: Store): RelukkoLocks {
  const engine = new Engine(over, systemHost, pino({ level: 'silent' }))
  return new RelukkoLocks(new LockService(engine), 'custom', 180)
}

beforeEach(() => {
  store = new MemoryStore()
  line = new FaultyStore(store)
  commits = []
  first = locksOn({
    commit: (transaction, options) => {
      commits.push(transaction.compare.length > 0 ? 'write' : 'read')
      return line.commit(transaction, options)
    },
    watch: (range, listener) => store.watch(range, listener),
    leases: line.leases,
    close: () => Promise.resolve(),
  })
  second = locksOn(store)
})
afterEach(async () => {
  await first.locks.close()
  await second.locks.close()
  await store.close()
})

const take = async (locks = first, lockName = 'rack'): Promise<RelukkoDTO> =>
  (await locks.take({ lockName, creator: 'me', ip: '127.0.0.1', wait: 0 })).lock
const leaseOf = async ({ id }: RelukkoDTO): Promise<LeaseId> =>
  (await second.find(id)).snapshot.holders.get(id)!.lease!

describe('what a lock costs', () => {
  it('is one transaction to take, and one to release', async () => {
    const lock = await take()
    expect(commits).toEqual(['write'])
    expect(await first.release(lock.id.toUpperCase())).toEqual(lock)
    expect(commits).toEqual(['write', 'write'])
    expect((await store.commit({ compare: [], success: [all], failure: [] })).results[0]).toEqual([])
  })

  it('is two reads more for what was taken elsewhere', async () => {
    const lock = await take(second)
    expect(await first.release(lock.id)).toEqual(lock)
    expect(commits).toEqual(['read', 'read', 'write'])
  })

  it('is one read to look at what was taken from here', async () => {
    const lock = await take()
    expect((await first.find(lock.id)).lock).toEqual(lock)
    expect(commits).toEqual(['write', 'read'])
  })
})

const all = { type: 'range' as const, ...LockKey.all }

describe('a release', () => {
  it('tells what the lock was at that time, whoever has changed it', async () => {
    const lock = await take()
    const changed = await second.change(lock.id, ({ expiresAt }) => ({ creator: 'another', expiresAt }))
    expect(changed.creator).toBe('another')
    expect(await first.release(lock.id)).toEqual(changed)
  })

  it('finds nothing that another server has released', async () => {
    const lock = await take()
    await second.release(lock.id)
    await expect(first.release(lock.id)).rejects.toBeInstanceOf(RelukkoNotFoundError)
    expect((await take()).id).not.toBe(lock.id)
  })

  it.each(lineFaults)('tells what the lock was, though its call is %s', async (_, fault) => {
    const lock = await take()
    line.befall(1, fault)
    expect(await first.release(lock.id)).toEqual(lock)
    await line.arrive()
    await expect(first.release(lock.id)).rejects.toBeInstanceOf(RelukkoNotFoundError)
  })

  it('of what was taken elsewhere ends the lease that it was on last', async () => {
    const lock = await take(second)
    let lease: LeaseId
    line.befall(3, async work => {
      await second.change(lock.id, ({ creator, expiresAt }) => ({ creator, expiresAt }))
      lease = await leaseOf(lock)
      return work()
    })
    await first.release(lock.id)
    await eventually(async () => expect(await store.leases.remaining(lease)).toBeUndefined())
  })

  it('that was not answered ends no lease that another server uses again', async () => {
    const lock = await take(second)
    let next: RelukkoDTO
    line.befall(3, async () => {
      const lease = await leaseOf(lock)
      await second.release(lock.id)
      next = await take(second, 'another')
      expect(await leaseOf(next)).toBe(lease)
      throw new StoreError('unreachable', 'The test cut the line.')
    })
    await first.release(lock.id)
    // Whatever it was to revoke is revoked then.
    await first.locks.close()
    expect((await second.find(next!.id)).lock).toEqual(next!)
  })

  it('that etcd refuses ends the lock with its lease', async () => {
    const lock = await take()
    line.befall(1, () => Promise.reject(new StoreError('refused', 'no space')))
    await expect(first.release(lock.id)).rejects.toBeInstanceOf(LockError)
    await eventually(() => expect(second.find(lock.id)).rejects.toBeInstanceOf(RelukkoNotFoundError))
  })
})

it('remembers the locks that were used last', () => {
  const recent = new RecentLocks()
  const key = new LockKey('custom', 'a')
  const time = Timestamp.now()
  const times = { createdAt: time, updatedAt: time, expiresAt: time }
  for (let id = 0; id < 10_001; id++) {
    recent.set(key, new RelukkoDTO({ id: String(id), lockName: 'a', creator: null, ip: '::1', ...times }))
  }
  expect([recent.get('0'), recent.get('1')?.key, recent.get('10000')?.key]).toEqual([undefined, key, key])
})
