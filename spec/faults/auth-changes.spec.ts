import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock, LockConfig, LockEvent } from '../../lib/index.js'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import type { Store, Watch } from '../../lib/store/store.js'
import { freshName, lockAt } from '../support/etcd.js'
import { AuthenticatedEtcd, LOCKER, useJwtKeys } from '../support/etcd-auth.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const jwtKeys = useJwtKeys()
const started: AuthenticatedEtcd[] = []
let etcd: AuthenticatedEtcd
let store: Store
let events: string[]
let ended: Error | undefined

const start = async (args: readonly string[]): Promise<AuthenticatedEtcd> => {
  const auth = await AuthenticatedEtcd.start(args)
  started.push(auth)
  return auth
}
afterAll(() => Promise.all(started.map(each => each.server.stop())))

const storeFor = (auth?: typeof LOCKER): Store => {
  const endpoints = etcd.server.endpoints
  return new EtcdStore({ endpoints, callTimeoutMs: 5_000, failover: true, ...(auth && { auth }) })
}
const lockFor = (config: LockConfig = {}): Lock =>
  lockAt('', { config: { endpoints: etcd.server.endpoints, ...config } })
const put = (key: string): Promise<unknown> =>
  store.commit({ compare: [], success: [{ type: 'put', key, value: 'v' }], failure: [] })
const read = (key: string): Promise<unknown> =>
  store.commit({ compare: [], success: [{ type: 'range', key }], failure: [] })
const watch = (key: string): Watch =>
  store.watch(
    { key },
    {
      onEvents: told => void events.push(...told.map(event => (event.type === 'put' ? event.kv.key : '-'))),
      onGap: () => void events.push('gap'),
      onEnd: error => void (ended = error),
    },
  )

/** Waits for as long as a lease lasts that is not renewed. */
const etcdForgets = (seconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, seconds * 1000 + 500))

beforeEach(() => {
  events = []
  ended = undefined
})

describe.each(['simple', 'jwt'])('with %s tokens', kind => {
  beforeAll(async () => {
    etcd = await start(kind === 'jwt' ? jwtKeys.args('5m') : [])
  }, 120_000)

  describe('while users and roles change', () => {
    beforeEach(async () => {
      await etcd.enable()
      store = storeFor(LOCKER)
    })
    afterEach(() => store.close())

    it('calls of every kind go through, with one new token for all', async () => {
      const [first, second] = [watch('/a'), watch('/b')]
      await Promise.all([first.ready, second.ready, put('/x')])
      const lease = await store.leases.grant(60)
      const before = await etcd.authentications()
      await etcd.addUser()
      const admins = (await etcd.authentications()) - before
      const results = Promise.all([put('/a'), put('/b'), read('/a'), store.leases.revoke(lease.id)])
      await expect(results).resolves.toHaveLength(4)
      await eventually(() => expect(events.sort()).toEqual(['/a', '/b']))
      const asked = (await etcd.authentications()) - before - admins
      expect(asked).toBe(kind === 'jwt' ? 1 : 0)
    })

    it('a new watch stands, and those that stood on the stream lose nothing', async () => {
      await watch('/a').ready
      await etcd.addUser()
      await watch('/b').ready
      await etcd.addUser()
      await Promise.all([put('/a'), put('/b')])
      await watch('/c').ready
      await put('/c')
      await eventually(() => expect(events.sort()).toEqual(['/a', '/b', '/c']))
    })

    it('a lock is held, released by its handle, and taken by one that waits', async () => {
      await using holder = lockFor(LOCKER)
      await using waiter = lockFor(LOCKER)
      const name = freshName()
      const held = await holder.hold(name, { concurrency: 1, ttl: 60, keepAlive: true })
      const waiting = waiter.acquire(name, { concurrency: 1, ttl: 60, wait: 60 })
      await eventually(async () => expect((await holder.inspect(name)).waiters).toHaveLength(1))
      await etcd.addUser()
      await held.verify()
      await etcd.addUser()
      await held.release()
      const id = await waiting
      expect([...(await holder.get(name)).locks.keys()]).toEqual([id])
    }, 20_000)
  })

  describe('while authentication is switched on and off', () => {
    beforeEach(() => etcd.disable())

    it('a user is served where it is off, and from the moment on when it is on, and off again', async () => {
      store = storeFor(LOCKER)
      await watch('/a').ready
      await put('/a')
      await etcd.enable()
      await Promise.all([put('/a'), read('/a'), watch('/b').ready])
      await put('/b')
      await etcd.disable()
      await Promise.all([read('/a'), put('/a'), watch('/c').ready])
      await put('/c')
      await eventually(() => expect(events.sort()).toEqual(['/a', '/a', '/a', '/b', '/c']))
      await store.close()
    }, 20_000)

    it('no lock is lost, nobody is kept waiting, and no event is missed', async () => {
      await using holder = lockFor(LOCKER)
      await using waiter = lockFor(LOCKER)
      await using witness = lockFor(LOCKER)
      const name = freshName()
      const told: LockEvent[] = []
      const feed = (async () => {
        for await (const event of witness.events()) told.push(event)
      })()
      await eventually(async () => {
        const earlier = freshName()
        await witness.release(earlier, await witness.acquire(earlier, { concurrency: 1, ttl: 60 }))
        expect(told).not.toEqual([])
      })
      const held = await holder.hold(name, { concurrency: 1, ttl: 2, keepAlive: true })
      const waiting = waiter.hold(name, { concurrency: 1, ttl: 2, keepAlive: true, wait: 60 })
      await eventually(async () => expect((await witness.inspect(name)).waiters).toHaveLength(1))
      for (const change of [() => etcd.enable(), () => etcd.disable(), () => etcd.enable()]) {
        await change()
        await etcdForgets(held.remaining())
        await held.verify()
      }
      await etcd.disable()
      await held.release()
      const next = await waiting
      await etcd.enable()
      await next.release()
      await etcd.disable()
      await eventually(() =>
        expect(told.filter(event => event.name === name).map(event => event.type)).toEqual([
          'granted',
          'queued',
          'released',
          'granted',
          'released',
        ]),
      )
      await witness.close()
      await expect(feed).rejects.toMatchObject({ code: 'LOCK_ERROR' })
    }, 40_000)
  })

  describe('when authentication is on', () => {
    beforeEach(() => etcd.enable())

    it('who has no user is refused, with calls and watches', async () => {
      store = storeFor()
      await expect(read('/a')).rejects.toMatchObject({
        reason: 'refused',
        message: expect.stringMatching(/configure username and password/),
      })
      await expect(watch('/a').ready).rejects.toMatchObject({ reason: 'refused' })
      expect(ended).toMatchObject({ reason: 'refused' })
      await store.close()
    })

    it('who has a wrong password is refused, with calls and watches', async () => {
      store = storeFor({ ...LOCKER, password: 'wrong' })
      await expect(watch('/a').ready).rejects.toMatchObject({ reason: 'refused' })
      expect(ended).toMatchObject({ message: expect.stringMatching(/authentication failed/) })
      await expect(read('/a')).rejects.toMatchObject({ reason: 'refused' })
      await store.close()
    })

    it('a lock is kept though the password of its user is changed, and released when it is known', async () => {
      const proxy = await TcpProxy.to(etcd.server.endpoint)
      await using lock = lockFor({ ...LOCKER, endpoints: [proxy.endpoint] })
      const name = freshName()
      const held = await lock.hold(name, { concurrency: 1, ttl: 2, keepAlive: true })
      await etcd.changePassword('another')
      await expect(lock.get(name)).rejects.toThrow(/authentication failed/)
      proxy.cut()
      await etcdForgets(held.remaining())
      held.assertHeld()
      await etcd.changePassword(LOCKER.password)
      await held.verify()
      await held.release()
      await proxy.close()
    }, 20_000)
  })
})

describe('an etcd that takes no token of its own', () => {
  beforeAll(async () => {
    etcd = await start(jwtKeys.args('-1m'))
    await etcd.enable()
  }, 120_000)

  it('is asked for a token twice in a call, and the call fails', async () => {
    store = storeFor(LOCKER)
    await expect(put('/a')).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringMatching(/token/),
    })
    expect(await etcd.authentications()).toBe(2)
    await store.close()
  })

  it('is not stormed by watches', async () => {
    store = storeFor(LOCKER)
    const before = await etcd.authentications()
    watch('/a').ready.catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 3_000))
    expect((await etcd.authentications()) - before).toBeLessThan(15)
    await store.close()
  })
})
