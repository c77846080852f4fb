import { beforeEach, describe, expect, it } from '@jest/globals'
import { type AcquireOptions, KeyLocks, Lock, LockUnavailableError } from '../../lib/index.js'
import { withPrefix } from '../../lib/kv/key-value.js'
import type { Transaction } from '../../lib/kv/transaction.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'
import { freshName } from '../support/etcd.js'
import { useLocks } from '../support/locks.js'
import { logSpy } from '../support/log-spy.js'

const exclusive = { concurrency: 1, ttl: 60 }

/** What a Lock does, on every store. */
export function lockContract(make: () => Promise<Store>): void {
  const locks = useLocks(make)
  let store: Store
  let commits: Transaction[]
  let lock: Lock
  let other: Lock
  let name: string

  beforeEach(() => {
    store = locks.store
    commits = []
    const counted: Store = {
      commit: transaction => {
        commits.push(transaction)
        return store.commit(transaction)
      },
      watch: (range, listener) => store.watch(range, listener),
      leases: store.leases,
      close: () => store.close(),
    }
    name = freshName()
    lock = locks.make({ store: counted })
    other = locks.make({ owner: 'other' })
  })

  const key = (): string => `/spicerack/locks/custom/${name}`
  const ids = async (): Promise<string[]> => [...(await other.get(name)).locks.keys()]
  const queueLength = async (): Promise<number> => (await other.inspect(name)).waiters.length
  const queued = (length: number): Promise<void> => locks.queued(other, name, length)
  const put = (to: string, value: string) => ({ type: 'put', key: to, value }) as const
  const writeByHand = (value: string): Promise<unknown> =>
    store.commit({ compare: [], success: [put(key(), value)], failure: [] })
  const valueInStore = async (): Promise<string | undefined> => {
    const { results } = await store.commit({
      compare: [],
      success: [{ type: 'range', key: key() }],
      failure: [],
    })
    return results[0]![0]?.value
  }
  const tryAcquire = (options: Partial<AcquireOptions> = {}): Promise<string> =>
    other.acquire(name, { ...exclusive, wait: 0, ...options })

  describe('acquire and release', () => {
    it('shows the holder while it holds, and nothing afterwards', async () => {
      const id = await lock.acquire(name, { concurrency: 3, ttl: 120 })
      const [held] = (await other.get(name)).locks.values()
      expect(held).toMatchObject({ uuid: id, concurrency: 3, owner: 'tester', ttl: 120 })
      await lock.release(name, id)
      expect(await other.get(name)).toEqual(new KeyLocks(key()))
      expect(await valueInStore()).toBeUndefined()
    })

    it('are one call each when the lease is there and nobody contends', async () => {
      await lock.release(name, await lock.acquire(name, exclusive))
      commits.length = 0
      const id = await lock.acquire(name, exclusive)
      expect(commits).toHaveLength(1)
      await lock.release(name, id)
      expect(commits).toHaveLength(2)
    })

    it('keep to the smallest limit of holders and newcomer; 0 limits nobody', async () => {
      const held = [await lock.acquire(name, { concurrency: 0, ttl: 60 })]
      held.push(await lock.acquire(name, { concurrency: 0, ttl: 60 }))
      held.push(await lock.acquire(name, { concurrency: 3, ttl: 60 }))
      await expect(tryAcquire({ concurrency: 0 })).rejects.toThrow(LockUnavailableError)
      await lock.release(name, held[2]!)
      await expect(tryAcquire({ concurrency: 2 })).rejects.toThrow(LockUnavailableError)
      held[2] = await tryAcquire({ concurrency: 0 })
      expect(await ids()).toEqual(held)
    })

    it('by id work from another instance, twice without harm', async () => {
      const { log, lines } = logSpy()
      const third = locks.make({ owner: 'third', logger: log })
      const id = await lock.acquire(name, exclusive)
      await third.release(name, id)
      await third.release(name, id)
      expect(await ids()).toEqual([])
      expect(lines).toContainEqual(
        expect.objectContaining({ level: 'info', msg: 'Released lock', id, key: key() }),
      )
      expect(lines).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          msg: expect.stringContaining('not found') as unknown,
          id,
          key: key(),
        }),
      )
      await lock.release(name, id)
      await lock.release(name, await lock.acquire(name, exclusive))
    })

    it('grows the fencing token with every grant', async () => {
      const tokens: bigint[] = []
      for (let round = 0; round < 3; round++) {
        const id = await lock.acquire(name, exclusive)
        tokens.push((await other.inspect(name)).holders[0]!.fencingToken!)
        await lock.release(name, id)
      }
      expect(tokens[1]).toBeGreaterThan(tokens[0]!)
      expect(tokens[2]).toBeGreaterThan(tokens[1]!)
    })

    it('of many names from one instance do not disturb each other', async () => {
      const names = Array.from({ length: 40 }, (_, index) => `${name}-${index}`)
      const held = await Promise.all(names.map(each => lock.acquire(each, exclusive)))
      expect(new Set(held).size).toBe(40)
      await Promise.all(names.map((each, index) => lock.release(each, held[index]!)))
      expect((await lock.list()).filter(state => state.name.startsWith(name))).toEqual([])
    })

    it('of one name by many at once never let two in', async () => {
      let inside = 0
      let most = 0
      await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          (index % 2 ? lock : other).acquired(name, exclusive, async () => {
            most = Math.max(most, ++inside)
            await Promise.resolve()
            inside--
          }),
        ),
      )
      expect(most).toBe(1)
      expect(await other.inspect(name)).toMatchObject({ holders: [], waiters: [] })
    })
  })

  describe('acquired and hold', () => {
    it('hand on what the function returns, and release', async () => {
      const result = await lock.acquired(name, exclusive, async held =>
        (await ids())[0] === held.id ? 'inside' : 'outside',
      )
      expect(result).toBe('inside')
      expect(await ids()).toEqual([])
    })

    it('hand on what the function throws, even when the release fails', async () => {
      const failing = lock.acquired(name, exclusive, async () => {
        await store.close()
        throw new Error('from the function')
      })
      await expect(failing).rejects.toThrow('from the function')
    })

    it('release at the end of the block', async () => {
      {
        await using held = await lock.hold(name, exclusive)
        expect(await ids()).toEqual([held.id])
      }
      expect(await ids()).toEqual([])
    })
  })

  describe('waiting', () => {
    it('is served in the order of arrival', async () => {
      const first = await lock.acquire(name, exclusive)
      const order: number[] = []
      const waiting: Promise<void>[] = []
      for (let place = 1; place <= 4; place++) {
        waiting.push(other.acquired(name, exclusive, () => void order.push(place)))
        await queued(place)
      }
      await lock.release(name, first)
      await Promise.all(waiting)
      expect(order).toEqual([1, 2, 3, 4])
    })

    it('is not passed by one whom the limits would admit', async () => {
      const shared = await lock.acquire(name, { concurrency: 0, ttl: 60 })
      const writer = lock.acquire(name, exclusive)
      await queued(1)
      await expect(tryAcquire({ concurrency: 0 })).rejects.toThrow('1 waiter:')
      await lock.release(name, shared)
      await lock.release(name, await writer)
      await tryAcquire({ concurrency: 0 })
    })

    it('ends with who holds and who waits when its time is over', async () => {
      await lock.acquire(name, exclusive)
      const start = performance.now()
      const error = (await other
        .acquire(name, { ...exclusive, wait: 0.3 })
        .catch((thrown: unknown) => thrown)) as Error
      expect(performance.now() - start).toBeGreaterThan(290)
      expect(error).toBeInstanceOf(LockUnavailableError)
      expect(error).toMatchObject({ code: 'LOCK_UNAVAILABLE', key: key() })
      expect(error.message).toContain('1 holder:\n')
      expect(error.message).toMatch(/\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d.*\+00:00: tester/)
      expect(await queueLength()).toBe(0)
    })

    it('for no time tries once and writes nothing', async () => {
      const id = await lock.acquire(name, exclusive)
      commits.length = 0
      await expect(lock.acquire(name, { ...exclusive, wait: 0 })).rejects.toThrow(LockUnavailableError)
      expect(commits.length).toBeLessThanOrEqual(2)
      expect(await ids()).toEqual([id])
      expect(await queueLength()).toBe(0)
    })

    it('ends at once by its signal, with the signal’s reason, and leaves nothing behind', async () => {
      await lock.acquire(name, exclusive)
      const controller = new AbortController()
      const waiting = other.acquire(name, { ...exclusive, signal: controller.signal })
      await queued(1)
      controller.abort(new Error('enough'))
      await expect(waiting).rejects.toThrow('enough')
      expect(await queueLength()).toBe(0)
    })

    it('does not begin with a signal that is aborted already', async () => {
      commits.length = 0
      const signal = AbortSignal.abort(new Error('too late'))
      await expect(lock.acquire(name, { ...exclusive, signal })).rejects.toThrow('too late')
      expect(commits).toEqual([])
    })

    it('goes on behind a waiter that gives up in the middle', async () => {
      const first = await lock.acquire(name, exclusive)
      const controller = new AbortController()
      const second = other.acquire(name, { ...exclusive, signal: controller.signal })
      await queued(1)
      const third = lock.acquire(name, exclusive)
      await queued(2)
      controller.abort()
      await expect(second).rejects.toThrow()
      await lock.release(name, first)
      const id = await third
      expect(await ids()).toEqual([id])
    })

    it('tells who holds and the place in the queue', async () => {
      await lock.acquire(name, exclusive)
      const seen: { place: number; owner: string | undefined }[] = []
      const controller = new AbortController()
      const waiting = other.acquire(name, {
        ...exclusive,
        signal: controller.signal,
        onWait: ({ place, holders }) => void seen.push({ place, owner: holders[0]?.owner }),
      })
      await eventually(() => expect(seen).toContainEqual({ place: 1, owner: 'tester' }))
      controller.abort()
      await expect(waiting).rejects.toThrow()
    })
  })

  describe('handing over', () => {
    const brief = { concurrency: 1, ttl: 30 }
    const isRead = ({ success, failure }: Transaction): boolean =>
      [...success, ...failure].every(({ type }) => type === 'range')

    it('is one call once the queue is known', async () => {
      const first = await other.acquire(name, brief)
      const second = lock.acquire(name, brief)
      await queued(1)
      const third = lock.acquire(name, brief)
      await queued(2)
      await other.release(name, first)
      const id = await second
      commits = []
      await lock.release(name, id)
      await third
      expect(commits.filter(commit => !isRead(commit))).toHaveLength(1)
      await lock.release(name, await third)
    })

    it('needs no new leases', async () => {
      let granted = 0
      const { leases } = store
      const counted = {
        ...leases,
        grant: (ttl: number) => {
          granted++
          return leases.grant(ttl)
        },
      }
      const watch: Store['watch'] = (range, listener) => store.watch(range, listener)
      const commit: Store['commit'] = transaction => store.commit(transaction)
      const frugal = locks.make({ store: { commit, watch, leases: counted, close: () => Promise.resolve() } })
      for (let round = 0; round < 3; round++) {
        const first = await other.acquire(name, brief)
        const second = frugal.acquire(name, brief)
        await queued(1)
        await other.release(name, first)
        await frugal.release(name, await second)
      }
      expect(granted).toBe(2)
    })

    it('lets in all waiters that fit, and none past one that does not', async () => {
      const first = await lock.acquire(name, brief)
      const readers = [0, 1, 2].map(() => other.hold(name, { concurrency: 0, ttl: 30 }))
      await queued(3)
      const writer = other.acquire(name, brief)
      await queued(4)
      const last = other.acquire(name, { concurrency: 0, ttl: 30 })
      await queued(5)
      await lock.release(name, first)
      const held = await Promise.all(readers)
      const { holders, waiters } = await other.inspect(name)
      expect(new Set(holders.map(({ fencingToken }) => fencingToken)).size).toBe(1)
      expect([holders.length, waiters.length]).toEqual([3, 2])
      for (const reader of held) await reader.release()
      await other.release(name, await writer)
      await other.release(name, await last)
    })

    it.each<[string, number, string | object]>([
      ['wants to hold for long', 61, {}],
      ['has a ticket that is not to be trusted', 30, 'junk'],
      ['has lost the lease for its holding', 30, { lease: '1234567' }],
    ])('is not to a waiter that %s, and that takes the lock by itself', async (_, ttl, ticket) => {
      const first = await lock.acquire(name, brief)
      const waiter = other.acquire(name, { concurrency: 1, ttl })
      await queued(1)
      await rewriteTicket(ticket)
      await lock.release(name, first)
      await other.release(name, await waiter)
    })

    async function rewriteTicket(change: string | object): Promise<void> {
      const queue = withPrefix(`/spicerack/locks/etcd/custom/${name}/`)
      const reads = [{ type: 'range' as const, ...queue }]
      const [ticket] = (await store.commit({ compare: [], success: reads, failure: [] })).results[0]!
      const terms = { ...(JSON.parse(ticket!.value) as object), ...(change as object) }
      const value = typeof change === 'string' ? change : JSON.stringify(terms)
      const put = { type: 'put' as const, key: ticket!.key, value, lease: ticket!.lease }
      await store.commit({ compare: [], success: [put], failure: [] })
    }
  })

  it('a permit is free when its lease has ended, and its entry keeps nobody waiting', async () => {
    const permit = { concurrency: 2, ttl: 600 }
    const endLeaseOf = async (id: string): Promise<void> => {
      const range = { type: 'range' as const, key: new LockKey('custom', name).holder(id) }
      const { results } = await store.commit({ compare: [], success: [range], failure: [] })
      await store.leases.revoke(results[0]![0]!.lease!)
    }
    const first = await lock.acquire(name, permit)
    const second = await other.acquire(name, permit)
    const waiting = other.acquire(name, { ...permit, wait: 30 })
    await queued(1)
    await endLeaseOf(first)
    const next = await waiting
    expect((await other.inspect(name)).holders.map(({ id }) => id)).toEqual([second, next])
    await Promise.all([second, next].map(endLeaseOf))
    expect((await other.list()).map(state => state.name)).not.toContain(name)
  })

  describe('what others have written', () => {
    const entry = (created: Date, ttl: number): string =>
      JSON.stringify({
        'by-hand': {
          concurrency: 1,
          created: created.toISOString().replace('Z', '+00:00'),
          owner: 'hand',
          ttl,
        },
      })

    it('an expired entry is replaced at once, and logged', async () => {
      const { log, lines } = logSpy()
      await writeByHand(entry(new Date(Date.now() - 61_000), 60))
      const id = await locks.make({ logger: log }).acquire(name, { ...exclusive, wait: 0 })
      expect(await ids()).toEqual([id])
      expect(lines).toContainEqual(
        expect.objectContaining({ msg: 'Releasing expired lock', id: 'by-hand', owner: 'hand' }),
      )
    })

    it('an entry of a host whose clock runs ahead is respected', async () => {
      await writeByHand(entry(new Date(Date.now() + 3_600_000), 60))
      await expect(tryAcquire()).rejects.toThrow(LockUnavailableError)
    })

    it('a lock deleted by hand is free, and wakes the first waiter', async () => {
      await lock.acquire(name, exclusive)
      const waiting = other.acquire(name, exclusive)
      await queued(1)
      await store.commit({ compare: [], success: [{ type: 'delete', key: key() }], failure: [] })
      const id = await waiting
      const { holders } = await other.inspect(name)
      expect(holders.map(held => held.id)).toEqual([id])
      const { results } = await store.commit({
        compare: [],
        success: [{ type: 'range', ...new LockKey('custom', name).holders }],
        failure: [],
      })
      expect(results[0]).toHaveLength(1)
    })

    it('more holders than etcd takes operations are gone at once with a lock deleted by hand', async () => {
      const { holders } = new LockKey('custom', name)
      const first = await lock.acquire(name, { concurrency: 0, ttl: 60 })
      const entry: unknown = (JSON.parse((await valueInStore())!) as Record<string, unknown>)[first]
      const more = Array.from({ length: 139 }, (_, at) => `${first}-${at}`)
      // In two, for the same reason.
      for (const part of [more.slice(0, 70), more.slice(70)]) {
        const success = part.map(id => put(holders.key + id, JSON.stringify(entry)))
        await store.commit({ compare: [], success, failure: [] })
      }
      await writeByHand(JSON.stringify(Object.fromEntries([first, ...more].map(id => [id, entry]))))
      expect((await other.inspect(name)).holders).toHaveLength(140)
      await store.commit({ compare: [], success: [{ type: 'delete', key: key() }], failure: [] })
      const id = await other.acquire(name, exclusive)
      const { results } = await store.commit({
        compare: [],
        success: [{ type: 'range', ...holders }],
        failure: [],
      })
      expect(results[0]!.map(kv => kv.key)).toEqual([new LockKey('custom', name).holder(id)])
    })

    it.each(['', 'no json', '[]', '{"a": 1}', '{"a": {"concurrency": 1, "owner": "o", "ttl": 1}}'])(
      'a value that is no KeyLocks (%j) is reported and left alone',
      async value => {
        await writeByHand(value)
        const unreadable = { code: 'LOCK_UNREADABLE', key: key() }
        await expect(lock.get(name)).rejects.toMatchObject(unreadable)
        await expect(lock.acquire(name, exclusive)).rejects.toMatchObject(unreadable)
        await lock.release(name, 'some-id')
        expect(await valueInStore()).toBe(value)
        await eventually(async () => {
          const listed = (await other.list()).find(state => state.name === name)
          expect(listed).toMatchObject({ problem: expect.stringContaining(key()) as unknown, waiters: [] })
        })
      },
    )
  })

  it('reads a value anew that was unreadable before', async () => {
    await writeByHand('no json')
    await expect(lock.acquire(name, exclusive)).rejects.toMatchObject({ code: 'LOCK_UNREADABLE' })
    await writeByHand('{}')
    const id = await lock.acquire(name, exclusive)
    expect(await ids()).toEqual([id])
  })

  it('ends the waits when it is closed, and leaves the queue', async () => {
    await other.acquire(name, exclusive)
    const waiting = lock.acquire(name, exclusive)
    await queued(1)
    await Promise.all([lock.close(), expect(waiting).rejects.toMatchObject({ code: 'LOCK_ERROR' })])
    expect(await queueLength()).toBe(0)
  })

  describe('extend', () => {
    it('leaves it held since when it was taken, however often it is extended', async () => {
      const id = await lock.acquire(name, exclusive)
      const { since } = (await other.inspect(name)).holders[0]!
      const held = await lock.hold(`${name}-2`, exclusive)
      const { since: sinceHeld } = (await other.inspect(`${name}-2`)).holders[0]!
      for (const ttl of [60, 90]) {
        const before = (await other.get(name)).locks.get(id)!.created
        await other.extend(name, id, ttl)
        await held.extend(ttl)
        expect(before.isBefore((await other.get(name)).locks.get(id)!.created)).toBe(true)
        expect((await other.inspect(name)).holders).toMatchObject([{ since, ttl }])
        expect((await other.inspect(`${name}-2`)).holders).toMatchObject([{ since: sinceHeld, ttl }])
      }
      let told: unknown
      const waiting = other.acquire(name, { ...exclusive, wait: 0.2, onWait: status => (told ??= status) })
      await expect(waiting).rejects.toThrow(`${String(since)}: tester`)
      expect(told).toMatchObject({ holders: [{ since }] })
    })

    it('fails under an id that does not hold', async () => {
      await expect(lock.extend(name, 'nobody', 60)).rejects.toMatchObject({ code: 'LOCK_ERROR', key: key() })
    })
  })

  describe('dry-run', () => {
    it('is the default, takes nothing and says so', async () => {
      const { log, lines } = logSpy()
      const dry = new Lock({ store, prefix: 'custom', owner: 'dry', logger: log })
      const id = await dry.acquire(name, exclusive)
      expect(await ids()).toEqual([])
      await dry.release(name, id)
      const skipped = lines.filter(line => line.msg === 'Skipping lock acquire/release in DRY-RUN mode')
      expect(skipped).toHaveLength(2)
    })

    it('says after one try that a lock is not available, and releases nothing', async () => {
      const id = await lock.acquire(name, exclusive)
      const dry = locks.make({ dryRun: true })
      await expect(dry.acquire(name, exclusive)).rejects.toThrow(LockUnavailableError)
      await dry.release(name, id)
      expect(await ids()).toEqual([id])
    })
  })

  it('leaves no key behind after many cycles with contention', async () => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let round = 0; round < 6; round++) {
          await (worker % 2 ? lock : other).acquired(
            name,
            { concurrency: (worker % 3) + 1, ttl: 30 },
            () => {},
          )
        }
      }),
    )
    const { results } = await store.commit({
      compare: [],
      success: [{ type: 'range', key: '/spicerack/locks/', end: '/spicerack/locks0' }],
      failure: [],
    })
    expect(results[0]!.filter(kv => kv.key.includes(name))).toEqual([])
    // On a busy machine it takes a while; shorter than a waiter takes to read again, so that a lost event shows.
  }, 20_000)
}
