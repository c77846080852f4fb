import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Lock, LockConfig, LockEvent } from '../../lib/index.js'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import type { Store, Watch } from '../../lib/store/store.js'
import { freshName, lockAt } from '../support/etcd.js'
import { AuthenticatedEtcd, LOCKER, useJwtKeys } from '../support/etcd-auth.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const jwtKeys = useJwtKeys()
const KINDS = ['simple', 'jwt'] as const

/** One etcd, and what a test does on it. */
class Scene {
  store!: Store
  events: string[] = []
  ended: Error | undefined

  constructor(
    readonly kind: string,
    readonly etcd: AuthenticatedEtcd,
  ) {}

  open(auth?: typeof LOCKER): Store {
    this.events = []
    this.ended = undefined
    const { endpoints } = this.etcd.server
    return (this.store = new EtcdStore({
      endpoints,
      callTimeoutMs: 5_000,
      failover: true,
      ...(auth && { auth }),
    }))
  }

  lock(config: LockConfig = {}): Lock {
    return lockAt('', { config: { endpoints: this.etcd.server.endpoints, ...config } })
  }

  put(key: string): Promise<unknown> {
    return this.store.commit({ compare: [], success: [{ type: 'put', key, value: 'v' }], failure: [] })
  }

  read(key: string): Promise<unknown> {
    return this.store.commit({ compare: [], success: [{ type: 'range', key }], failure: [] })
  }

  watch(key: string): Watch {
    const { events } = this
    return this.store.watch(
      { key },
      {
        onEvents: told => void events.push(...told.map(event => (event.type === 'put' ? event.kv.key : '-'))),
        onGap: () => void events.push('gap'),
        onEnd: error => void (this.ended = error),
      },
    )
  }
}

/** Waits for as long as a lease lasts that is not renewed. */
const etcdForgets = (seconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, seconds * 1000 + 500))

describe('with simple and with jwt tokens, beside each other:', () => {
  let scenes: readonly Scene[]
  beforeAll(async () => {
    const start = async (kind: (typeof KINDS)[number]): Promise<Scene> =>
      new Scene(kind, await AuthenticatedEtcd.start(kind === 'jwt' ? jwtKeys.args('5m') : []))
    scenes = await Promise.all(KINDS.map(start))
  }, 120_000)
  afterAll(() => Promise.all(scenes.map(({ etcd }) => etcd.server.stop())))

  const forEach = (work: (scene: Scene) => unknown): Promise<unknown> =>
    Promise.all(
      scenes.map(async scene => {
        try {
          await work(scene)
        } catch (cause) {
          throw new Error(`with ${scene.kind} tokens`, { cause })
        }
      }),
    )

  const both = (title: string, test: (scene: Scene) => Promise<void>): void => {
    it(title, () => forEach(test), 40_000)
  }

  describe('while users and roles change', () => {
    beforeEach(() =>
      forEach(async scene => {
        await scene.etcd.enable()
        scene.open(LOCKER)
      }),
    )
    afterEach(() => forEach(scene => scene.store.close()))

    both('calls of every kind go through, with one new token for all', async scene => {
      const [first, second] = [scene.watch('/a'), scene.watch('/b')]
      await Promise.all([first.ready, second.ready, scene.put('/x')])
      const lease = await scene.store.leases.grant(60)
      const before = await scene.etcd.authentications()
      await scene.etcd.addUser()
      const admins = (await scene.etcd.authentications()) - before
      const results = Promise.all([
        scene.put('/a'),
        scene.put('/b'),
        scene.read('/a'),
        scene.store.leases.revoke(lease.id),
      ])
      await expect(results).resolves.toHaveLength(4)
      await eventually(() => expect(scene.events.sort()).toEqual(['/a', '/b']))
      const asked = (await scene.etcd.authentications()) - before - admins
      expect(asked).toBe(scene.kind === 'jwt' ? 1 : 0)
    })

    both('a new watch stands, and those that stood on the stream lose nothing', async scene => {
      await scene.watch('/a').ready
      await scene.etcd.addUser()
      await scene.watch('/b').ready
      await scene.etcd.addUser()
      await Promise.all([scene.put('/a'), scene.put('/b')])
      await scene.watch('/c').ready
      await scene.put('/c')
      await eventually(() => expect(scene.events.sort()).toEqual(['/a', '/b', '/c']))
    })

    both('a lock is held, released by its handle, and taken by one that waits', async scene => {
      await using holder = scene.lock(LOCKER)
      await using waiter = scene.lock(LOCKER)
      const name = freshName()
      const held = await holder.hold(name, { concurrency: 1, ttl: 60, keepAlive: true })
      const waiting = waiter.acquire(name, { concurrency: 1, ttl: 60, wait: 60 })
      await eventually(async () => expect((await holder.inspect(name)).waiters).toHaveLength(1))
      await scene.etcd.addUser()
      await held.verify()
      await scene.etcd.addUser()
      await held.release()
      const id = await waiting
      expect([...(await holder.get(name)).locks.keys()]).toEqual([id])
    })
  })

  describe('while authentication is switched on and off', () => {
    beforeEach(() => forEach(({ etcd }) => etcd.disable()))

    both(
      'a user is served where it is off, and from the moment on when it is on, and off again',
      async scene => {
        scene.open(LOCKER)
        await scene.watch('/a').ready
        await scene.put('/a')
        await scene.etcd.enable()
        await Promise.all([scene.put('/a'), scene.read('/a'), scene.watch('/b').ready])
        await scene.put('/b')
        await scene.etcd.disable()
        await Promise.all([scene.read('/a'), scene.put('/a'), scene.watch('/c').ready])
        await scene.put('/c')
        await eventually(() => expect(scene.events.sort()).toEqual(['/a', '/a', '/a', '/b', '/c']))
        await scene.store.close()
      },
    )

    both('no lock is lost, nobody is kept waiting, and no event is missed', async scene => {
      await using holder = scene.lock(LOCKER)
      await using waiter = scene.lock(LOCKER)
      await using witness = scene.lock(LOCKER)
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
      for (const change of [
        () => scene.etcd.enable(),
        () => scene.etcd.disable(),
        () => scene.etcd.enable(),
      ]) {
        await change()
        await etcdForgets(held.remaining())
        await held.verify()
      }
      await scene.etcd.disable()
      await held.release()
      const next = await waiting
      await scene.etcd.enable()
      await next.release()
      await scene.etcd.disable()
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
    })
  })

  describe('when authentication is on', () => {
    beforeEach(() => forEach(({ etcd }) => etcd.enable()))

    both('a client without a user is refused, with calls and watches', async scene => {
      scene.open()
      await expect(scene.read('/a')).rejects.toMatchObject({
        reason: 'refused',
        message: expect.stringMatching(/configure username and password/),
      })
      await expect(scene.watch('/a').ready).rejects.toMatchObject({ reason: 'refused' })
      expect(scene.ended).toMatchObject({ reason: 'refused' })
      await scene.store.close()
    })

    both('a client with a wrong password is refused, with calls and watches', async scene => {
      scene.open({ ...LOCKER, password: 'wrong' })
      await expect(scene.watch('/a').ready).rejects.toMatchObject({ reason: 'refused' })
      expect(scene.ended).toMatchObject({ message: expect.stringMatching(/authentication failed/) })
      await expect(scene.read('/a')).rejects.toMatchObject({ reason: 'refused' })
      await scene.store.close()
    })

    both(
      'a lock is kept though the password of its user is changed, and released when it is known',
      async scene => {
        const proxy = await TcpProxy.to(scene.etcd.server.endpoint)
        await using lock = scene.lock({ ...LOCKER, endpoints: [proxy.endpoint] })
        const name = freshName()
        const held = await lock.hold(name, { concurrency: 1, ttl: 2, keepAlive: true })
        await scene.etcd.changePassword('another')
        await expect(lock.get(name)).rejects.toThrow(/authentication failed/)
        proxy.cut()
        await etcdForgets(held.remaining())
        held.assertHeld()
        await scene.etcd.changePassword(LOCKER.password)
        await held.verify()
        await held.release()
        await proxy.close()
      },
    )
  })
})

describe('an etcd that takes no token of its own', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = new Scene('jwt', await AuthenticatedEtcd.start(jwtKeys.args('-1m')))
    await scene.etcd.enable()
  }, 120_000)
  afterAll(() => scene.etcd.server.stop())

  it('is asked for a token twice in a call, and the call fails', async () => {
    scene.open(LOCKER)
    await expect(scene.put('/a')).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringMatching(/token/),
    })
    expect(await scene.etcd.authentications()).toBe(2)
    await scene.store.close()
  })

  it('is not stormed by watches', async () => {
    scene.open(LOCKER)
    const before = await scene.etcd.authentications()
    scene.watch('/a').ready.catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 3_000))
    expect((await scene.etcd.authentications()) - before).toBeLessThan(15)
    await scene.store.close()
  })
})
