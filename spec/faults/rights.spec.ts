import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { Etcd3, Range } from 'etcd3'
import type { HeldLock, Lock, LockConfig, LockEvent, LockOptions } from '../../lib/index.js'
import { RelukkoAdapter } from '../../lib/relukko/index.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt } from '../support/etcd.js'
import { QUICK_PASSWORDS } from '../support/etcd-auth.js'
import { logSpy } from '../support/log-spy.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const terms = { concurrency: 1, ttl: 30 }
const password = 'secret'
const page = await readFile(join(import.meta.dirname, '../../docs/security.md'), 'utf8')
/** What docs/security.md grants, by roles. */
const roles = new Map<string, Grant[]>()
for (const [, role, permission, prefix] of page.matchAll(
  /^etcdctl role grant-permission (\w+) --prefix=true (readwrite|read) (\S+)$/gm,
)) {
  roles.set(role!, [
    ...(roles.get(role!) ?? []),
    { permission: permission as Grant['permission'], prefix: prefix! },
  ])
}
const grantsOf = (...names: string[]): Grant[] => names.flatMap(name => roles.get(name)!)
const users: Record<string, Grant[]> = {
  locker: grantsOf('locker'),
  forcer: grantsOf('locker', 'forcer'),
  viewer: grantsOf('viewer'),
  listener: grantsOf('viewer', 'listener'),
  auditor: grantsOf('auditor'),
  relukko: grantsOf('locker', 'relukko'),
  server: grantsOf('server'),
}
/** Those who lack one of the rights of a role, by what it is of. */
const lacking = (role: string): [string, string][] =>
  roles.get(role)!.map(({ prefix }) => [prefix, `${role} without ${prefix}`])
for (const role of ['locker', 'viewer']) {
  for (const [prefix, user] of lacking(role)) {
    users[user] = grantsOf(role).filter(grant => grant.prefix !== prefix)
  }
}
let server: EtcdServer
let locks: Lock[]
/** What was logged that nobody should have to read. */
let problems: () => unknown[]
let lock: Lock
let other: Lock
let name: string

interface Grant {
  readonly permission: 'read' | 'readwrite'
  readonly prefix: string
}

beforeAll(async () => {
  server = await EtcdServer.start({ args: QUICK_PASSWORDS })
  const admin = new Etcd3({ hosts: server.endpoint })
  for (const [user, grants] of Object.entries({ root: [], ...users })) {
    const role = await admin.role(user).create()
    for (const { permission, prefix } of grants) {
      const capital = permission === 'read' ? 'Read' : 'Readwrite'
      await role.grant({ permission: capital, range: Range.prefix(prefix) })
    }
    await (await admin.user(user).create(password)).addRole(user)
  }
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

const configOf = (username: string, endpoint = server.endpoint): LockConfig => ({
  endpoints: [endpoint],
  username,
  password,
})

function as(username: string, options: Partial<LockOptions> = {}, endpoint = server.endpoint): Lock {
  const config = configOf(username, endpoint)
  const made = lockAt(server.endpoint, { config, ...options })
  locks.push(made)
  return made
}

const queued = (length: number): Promise<void> =>
  eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(length))
const denied = {
  code: 'LOCK_ERROR',
  message: expect.stringContaining('permission denied') as unknown,
}
const lossOf = ({ signal }: HeldLock): Promise<Error> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(signal.reason as Error)))

describe('a user with the role locker', () => {
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
    expect(await loss).toMatchObject({ code: 'LOCK_LOST', reason: 'released-elsewhere' })
    const again = await lock.hold(name, terms)
    const force = lossOf(again)
    await as('forcer', { owner: 'other' }).forceRelease(name, again.id, { reason: 'rack on fire' })
    expect((await force).message).toContain('other released it by force: rack on fire')
    expect(problems()).toEqual([])
  })

  it('is sent away while it waits, by a user that may do so', async () => {
    await lock.acquire(name, terms)
    const waiting = lock.acquire(name, terms)
    waiting.catch(() => {})
    await queued(1)
    const { id } = (await lock.inspect(name)).waiters[0]!
    await expect(other.forceRelease(name, id, { reason: 'it hangs' })).rejects.toMatchObject(denied)
    await as('forcer', { owner: 'other' }).forceRelease(name, id, { reason: 'it hangs' })
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_DISMISSED', by: 'other' })
  })

  it('lists and inspects', async () => {
    const id = await lock.acquire(name, terms)
    expect((await lock.inspect(name)).holders).toMatchObject([{ id }])
    expect((await lock.list()).map(each => each.name)).toContain(name)
    expect((await lock.get(name)).locks.has(id)).toBe(true)
  })

  it.each(lacking('locker'))('needs all of its rights: also that on %s', async (_, user) => {
    await lock.acquire(name, terms)
    const waiting = (of: Lock, wait: number): Promise<string> => of.acquire(name, { ...terms, wait })
    await expect(waiting(other, 0.3)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
    // The refusal ends the wait, long before its time is over.
    await expect(waiting(as(user), 60)).rejects.toMatchObject(denied)
  })

  it('may do nothing under another prefix', async () => {
    const refused = as('locker', { prefix: 'modules' }).acquire('spicerack.x', { ...terms, wait: 0 })
    await expect(refused).rejects.toMatchObject(denied)
  })

  it("with that of relukko, too, uses Relukko's locks, also natively", async () => {
    await using relukko = new RelukkoAdapter({ config: configOf('relukko') })
    const first = (await relukko.acquireRelukko(name, 'me', 0))!
    await relukko.keepRelukkoAlive(first.id)
    expect((await relukko.getLocks()).map(({ id }) => id)).toContain(first.id)
    await relukko.deleteRelukko(first.id)
    const second = (await relukko.acquireRelukko(name, 'me', 0))!
    const native = as('relukko')
    await native.extend(name, second.id, 900)
    await native.release(name, second.id)
    await native.acquire(name, { ...terms, wait: 0 })
    await using without = new RelukkoAdapter({ config: configOf('locker') })
    await expect(without.acquireRelukko(`${name}-2`, 'me', 0)).rejects.toMatchObject(denied)
  })
})

it('a server has enough with the role server', async () => {
  const apiKeys = { test: 'a key of the test' }
  await using relukko = await RelukkoServer.create({ config: configOf('server'), apiKeys })
  const url = await relukko.listen({ port: 0 })
  const headers = { 'x-api-key': apiKeys.test, 'content-type': 'application/json' }
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    expect(answer.ok).toBe(true)
    return answer.json()
  }
  const { body } = await fetch(`${url}/v2/events`, { headers })
  const events = body!.pipeThrough(new TextDecoderStream()).getReader()
  const { id } = (await call('POST', '/v1/locks', { lock_name: name })) as { id: string }
  expect(await call('GET', '/v2/locks')).toContainEqual(expect.objectContaining({ name }))
  let told = ''
  while (!told.includes(id)) told += (await events.read()).value!
  await call('DELETE', `/v1/locks/${id}`)
  await events.cancel()
})

describe('a user with the roles viewer and listener', () => {
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

  it('hears what happens, and why as far as it can be known', async () => {
    const told = await follow(as('listener'))
    const held = await lock.hold(name, terms)
    const waiting = other.hold(name, terms)
    await queued(1)
    await held.release()
    await (await waiting).release()
    const taken = await lock.hold(name, terms)
    await as('forcer', { owner: 'other' }).forceRelease(name, taken.id, { reason: 'to see' })
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

  it('hears all in the order in which it happened, also over cuts, as a user that may read everything', async () => {
    await using proxy = await TcpProxy.to(server.endpoint)
    const told = await follow(as('listener', {}, proxy.endpoint))
    const all = await follow(as('auditor'))
    const contend = async (contender: Lock, terms: { concurrency: number; ttl: number }): Promise<void> => {
      for (let done = 0; done < 12; done++) {
        await contender.release(name, await contender.acquire(name, terms))
        if (done % 5 === 4) proxy.cut()
      }
    }
    const two = { concurrency: 2, ttl: 60 }
    await Promise.all([contend(lock, two), contend(other, two), contend(lock, two), contend(other, terms)])
    await lock.release(name, await lock.acquire(name, terms))
    await eventually(() => expect(told.length).toBeGreaterThanOrEqual(all.length))
    const whatAndWhen = (events: readonly LockEvent[]): string[] =>
      events.map(({ type, id, revision }) => `${revision} ${type} ${id}`)
    expect(all.length).toBeGreaterThan(95)
    expect(whatAndWhen(told)).toEqual(whatAndWhen(all))
  }, 30_000)

  it('may not lock', async () => {
    await expect(as('listener').acquire(name, { ...terms, wait: 0 })).rejects.toMatchObject(denied)
  })
})

describe('a user with the role viewer', () => {
  it('sees who holds and waits, also in a dry run, and nothing more', async () => {
    const viewer = as('viewer')
    const id = await lock.acquire(name, terms)
    expect((await viewer.inspect(name)).holders).toMatchObject([{ id }])
    expect((await viewer.list()).map(each => each.name)).toContain(name)
    const pretended = as('viewer', { dryRun: true }).acquire(name, { ...terms, wait: 0 })
    await expect(pretended).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' })
    await expect(viewer.events().next()).rejects.toMatchObject(denied)
    await expect(viewer.acquire(`${name}-2`, { ...terms, wait: 0 })).rejects.toMatchObject(denied)
  })

  it.each(lacking('viewer'))('needs all of its rights: also that on %s', async (_, user) => {
    await expect(as(user).list()).rejects.toMatchObject(denied)
  })
})
