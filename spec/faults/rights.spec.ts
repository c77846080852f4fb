import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { Etcd3, Range } from 'etcd3'
import type { HeldLock, Lock, LockEvent, LockOptions } from '../../lib/index.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt } from '../support/etcd.js'
import { logSpy } from '../support/log-spy.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const terms = { concurrency: 1, ttl: 30 }
const password = 'secret'
const OF_PREFIX = ['custom', 'holders/custom', 'etcd/custom', 'forced/custom']
let server: EtcdServer
let locks: Lock[]
/** What was logged that nobody should have to read. */
let problems: () => unknown[]
let lock: Lock
let other: Lock
let name: string

beforeAll(async () => {
  server = await EtcdServer.start()
  const admin = new Etcd3({ hosts: server.endpoint })
  const create = async (user: string, permission: 'Read' | 'Readwrite', prefixes: readonly string[]) => {
    const role = await admin.role(user).create()
    for (const prefix of prefixes) {
      await role.grant({ permission, range: Range.prefix(`/spicerack/locks/${prefix}/`) })
    }
    await (await admin.user(user).create(password)).addRole(user)
  }
  await create('root', 'Readwrite', [])
  await create('locker', 'Readwrite', OF_PREFIX)
  await create('reader', 'Read', OF_PREFIX)
  await admin.auth.authEnable()
  admin.close()
}, 120_000)
afterAll(() => server.stop())
beforeEach(() => {
  locks = []
  name = freshName()
  const { log, lines } = logSpy()
  problems = () => lines.filter(({ level }) => level === 'warn' || level === 'error')
  lock = as('locker', { logger: log })
  other = as('locker', { logger: log, owner: 'other' })
})
afterEach(async () => {
  await Promise.all(locks.map(each => each.close()))
})

function as(username: string, options: Partial<LockOptions> = {}, endpoint = server.endpoint): Lock {
  const config = { endpoints: [endpoint], username, password }
  const made = lockAt(server.endpoint, { config, ...options })
  locks.push(made)
  return made
}

const queued = (length: number): Promise<void> =>
  eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(length))
const lossOf = ({ signal }: HeldLock): Promise<Error> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(signal.reason as Error)))

describe('a user that may read and write what belongs to one prefix', () => {
  it('takes a lock and releases it', async () => {
    await lock.release(name, await lock.acquire(name, terms))
    await other.release(name, await other.acquire(name, { ...terms, wait: 0 }))
    expect(problems()).toEqual([])
  })

  it('releases by id what another process has taken', async () => {
    const id = await other.acquire(name, terms)
    await lock.release(name, id)
    await other.acquire(name, { ...terms, wait: 0 })
    expect(problems()).toEqual([])
  })

  it('waits, and is handed the lock', async () => {
    const held = await lock.hold(name, terms)
    const waiting = other.hold(name, terms)
    await queued(1)
    await held.release()
    await (await waiting).release()
    await lock.acquire(name, { ...terms, wait: 0 })
    expect(problems()).toEqual([])
  })

  it('takes several locks at once', async () => {
    const names = [name, `${name}-2`, `${name}-3`]
    const held = await lock.acquireAll(names.map(each => ({ name: each, ...terms })))
    await held.extend(60)
    await held.release()
    expect((await lock.list()).filter(each => each.name.startsWith(name))).toEqual([])
    expect(problems()).toEqual([])
  })

  it('renews, extends, verifies and guards what it holds', async () => {
    const held = await lock.hold(name, { ...terms, ttl: 2, keepAlive: true })
    const { deadline } = held
    await held.verify()
    await eventually(() => expect(held.deadline.getTime()).toBeGreaterThan(deadline.getTime() + 300))
    await held.extend(60)
    await other.extend(name, held.id, 60)
    const [seen] = (await other.inspect(name)).holders
    expect(seen).toMatchObject({ renewed: true, ttl: 60 })
    // As etcd tells it, in whole seconds, and not the ttl of one of whom it tells nothing.
    expect([58, 59]).toContain(seen!.remaining)
    const unrenewed = await lock.hold(`${name}-2`, terms)
    await other.extend(`${name}-2`, unrenewed.id, 90)
    await eventually(() => expect(unrenewed.remaining()).toBeGreaterThan(80))
    await unrenewed.release()
    const key = `/spicerack/locks/custom/${name}-guarded`
    expect(await held.guard({ success: [{ type: 'range', key }] })).toMatchObject({ succeeded: true })
    await held.release()
    await other.acquire(name, { ...terms, wait: 0 })
    expect(problems()).toEqual([])
  })

  it('hears that its lock was released, and by whom it was taken by force', async () => {
    const held = await lock.hold(name, terms)
    const loss = lossOf(held)
    await other.release(name, held.id)
    expect(await loss).toMatchObject({ code: 'LOCK_LOST', reason: 'released elsewhere' })
    const again = await lock.hold(name, terms)
    const force = lossOf(again)
    await other.forceRelease(name, again.id, { reason: 'rack on fire' })
    expect((await force).message).toContain('other released it by force: rack on fire')
    expect(problems().every(problem => (problem as { msg: string }).msg === 'Released lock by force')).toBe(
      true,
    )
  })

  it('sends away one who waits', async () => {
    await lock.acquire(name, terms)
    const waiting = lock.acquire(name, terms)
    waiting.catch(() => {})
    await queued(1)
    const { id } = (await lock.inspect(name)).waiters[0]!
    await other.forceRelease(name, id, { reason: 'it hangs' })
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_DISMISSED', by: 'other' })
  })

  it('lists and inspects', async () => {
    const id = await lock.acquire(name, terms)
    expect((await lock.inspect(name)).holders).toMatchObject([{ id }])
    expect((await lock.list()).map(each => each.name)).toContain(name)
    expect((await lock.get(name)).locks.has(id)).toBe(true)
  })

  it('is told that it may not do so under another prefix', async () => {
    const refused = as('locker', { prefix: 'modules' }).acquire('spicerack.x', { ...terms, wait: 0 })
    await expect(refused).rejects.toMatchObject({
      code: 'LOCK_ERROR',
      message: expect.stringContaining('permission denied'),
    })
  })
})

describe('a user that may read what belongs to one prefix, and no more', () => {
  /** What is told of this test's locks. Resolves when none of it can be missed. */
  async function follow(listener: Lock): Promise<LockEvent[]> {
    const told: LockEvent[] = []
    let isListening = false
    void (async () => {
      for await (const event of listener.events()) {
        isListening = true
        if (event.name.startsWith(name)) told.push(event)
      }
    })().catch(() => {})
    const marker = freshName()
    await eventually(async () => {
      await lock.release(marker, await lock.acquire(marker, terms))
      expect(isListening).toBe(true)
    })
    return told
  }
  const types = (told: readonly LockEvent[]): string[] => told.map(({ owner, type }) => `${owner} ${type}`)

  it('lists, inspects, and hears what happens, and why as far as it can be known', async () => {
    const reader = as('reader')
    const told = await follow(reader)
    const held = await lock.hold(name, terms)
    expect((await reader.list()).map(each => each.name)).toContain(name)
    const waiting = other.hold(name, terms)
    await queued(1)
    await held.release()
    await (await waiting).release()
    const taken = await lock.hold(name, terms)
    await other.forceRelease(name, taken.id, { reason: 'to see' })
    await eventually(() =>
      expect(types(told)).toEqual([
        'tester granted',
        'other queued',
        'tester released',
        'other granted',
        'other released',
        'tester granted',
        'tester forced',
      ]),
    )
    told.length = 0
    // The end of a lease takes the entry of a sole holder along, which is all that is left to see of a release.
    const [sole, shared] = [
      { concurrency: 1, ttl: 2 },
      { concurrency: 0, ttl: 2 },
    ]
    await lock.acquire(`${name}-sole`, sole)
    const staying = await other.hold(name, { ...shared, ttl: 30 })
    await lock.acquire(name, shared)
    await eventually(() => {
      const ends = told.filter(({ type }) => type !== 'granted' && type !== 'queued')
      expect(ends.map(each => [each.name, each.type]).sort()).toEqual([
        [name, 'expired'],
        [`${name}-sole`, 'ended'],
      ])
    })
    await staying.release()
  }, 15_000)

  it('hears all in the order in which it happened, also over cuts, as one who may read everything', async () => {
    await using proxy = await TcpProxy.to(server.endpoint)
    const told = await follow(as('reader', {}, proxy.endpoint))
    const all = await follow(as('root'))
    const contend = async (contender: Lock, terms: { concurrency: number; ttl: number }): Promise<void> => {
      for (let done = 0; done < 25; done++) {
        await contender.release(name, await contender.acquire(name, terms))
        if (done % 10 === 9) proxy.cut()
      }
    }
    const two = { concurrency: 2, ttl: 60 }
    await Promise.all([contend(lock, two), contend(other, two), contend(lock, two), contend(other, terms)])
    await lock.release(name, await lock.acquire(name, terms))
    await eventually(() => expect(told.length).toBeGreaterThanOrEqual(all.length))
    const whatAndWhen = (events: readonly LockEvent[]): string[] =>
      events.map(({ type, id, revision }) => `${revision} ${type} ${id}`)
    expect(all.length).toBeGreaterThan(200)
    expect(whatAndWhen(told)).toEqual(whatAndWhen(all))
  }, 30_000)

  it('may not lock', async () => {
    await expect(as('reader').acquire(name, { ...terms, wait: 0 })).rejects.toMatchObject({
      code: 'LOCK_ERROR',
      message: expect.stringContaining('permission denied'),
    })
  })
})
