import { systemHost } from '../../../lib/lock/engine/host.js'
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { pino } from 'pino'
import { type Op, unconditionally } from '../../../lib/kv/transaction.js'
import { AcquireAttempt } from '../../../lib/lock/acquire/acquire-attempt.js'
import type { QueueWatcher } from '../../../lib/lock/acquire/queue-watcher.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { Lease } from '../../../lib/lock/leases/lease.js'
import type { LockTarget } from '../../../lib/lock/options/lock-target.js'
import { newLockId } from '../../../lib/model/lock-ids.js'
import { LockKey } from '../../../lib/protocol/lock-key.js'
import { MOST_READ } from '../../../lib/protocol/queue.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { StoreError } from '../../../lib/store/store-error.js'
import { eventually } from '../../support/eventually.js'

const key = new LockKey('custom', 'name')

describe('One that waits', () => {
  const stop = new AbortController()
  let store: MemoryStore
  let engine: Engine
  let target: LockTarget
  let watcher: QueueWatcher
  let attempt: AcquireAttempt

  beforeEach(() => {
    store = new MemoryStore()
    engine = new Engine(store, systemHost, pino({ level: 'silent' }))
    target = { key, terms: { uuid: newLockId(), owner: 'tester', concurrency: 1, ttl: 30 } }
    attempt = new AcquireAttempt(engine, [target], true, stop.signal, false)
    watcher = attempt.waiting as QueueWatcher
  })
  afterEach(async () => {
    watcher.close()
    await store.close()
  })

  const put = (...paths: string[]) =>
    store.commit(unconditionally(...paths.map((path): Op => ({ type: 'put', key: path, value: '' }))))

  it('behind more than are read keeps its ticket when it tries to be granted too early', async () => {
    const others = Array.from({ length: MOST_READ + 2 }, (_, at) => key.ticket(`other ${at}`))
    await put(...others)
    expect(await attempt.advance({})).toMatchObject({ kind: 'wait', place: MOST_READ + 1 })
    // Those that it knew are gone, as far as it has been told.
    const { snapshot } = attempt.seen[0]!
    const { uuid } = target.terms
    attempt.see([{ ...snapshot, tickets: new Map([[uuid, snapshot.tickets.get(uuid)!]]) }])
    const puts = (await engine.readOne(key)).tickets.get(uuid)!.modRevision
    expect(await attempt.advance({})).toMatchObject({ kind: 'wait', place: MOST_READ + 1 })
    expect((await engine.readOne(key)).tickets.get(uuid)!.modRevision).toBe(puts)
  })

  it('leaves no ticket behind when somebody who is told of the answer fails', async () => {
    await put(key.ticket('other'))
    jest.spyOn(watcher, 'onFirst').mockImplementationOnce(() => {
      throw new Error('a fault')
    })
    await expect(attempt.advance({})).rejects.toThrow('a fault')
    expect((await engine.readOne(key)).tickets.size).toBe(2)
    attempt.finish(undefined)
    await eventually(async () => {
      expect([...(await engine.readOne(key)).tickets.keys()]).toStrictEqual(['other'])
    })
  })

  it('as the first of its process watches those before it, and hears that they are gone', async () => {
    const watch = jest.spyOn(store, 'watch')
    await put(key.ticket('other'))
    await attempt.advance({})
    const follow = async (): Promise<void> => {
      while (attempt.seen[0]!.snapshot.tickets.has('other'))
        attempt.see(await watcher.next(attempt.seen, undefined))
    }
    const heard = follow()
    heard.catch(() => {})
    await eventually(() =>
      expect(watch).toHaveBeenCalledWith({ key: key.ticket('other') }, expect.anything()),
    )
    await store.commit(unconditionally({ type: 'delete', key: key.ticket('other') }))
    await heard
  })

  it('reads when it joins again, since the answer may show at its revision what has gone before', async () => {
    const watch = jest.spyOn(store, 'watch')
    await put(key.ticket('other'))
    await attempt.advance({})
    const isWatching = (): boolean =>
      watch.mock.calls.some(([range]) => 'key' in range && range.key === key.ticket('other'))
    while (!isWatching()) attempt.see(await watcher.next(attempt.seen, undefined))
    const { revision } = await store.commit(unconditionally({ type: 'delete', key: key.ticket('other') }))
    watcher.prepare()
    const snapshot = { ...attempt.seen[0]!.snapshot, revision }
    expect(snapshot.tickets.has('other')).toBe(true)
    const [fresh] = await watcher.next([{ ...target, snapshot }], undefined)
    expect(fresh!.tickets.has('other')).toBe(false)
  })

  it('and whose grant is not answered, bears the token of the grant, and not that of the read which finds it', async () => {
    const commit = store.commit.bind(store)
    jest.spyOn(store, 'commit').mockImplementationOnce(async transaction => {
      await commit(transaction)
      throw new StoreError('unreachable', 'The test lost the answer.')
    })
    await expect(attempt.advance({})).rejects.toMatchObject({ reason: 'unreachable' })
    const { modRevision } = (await engine.readOne(key)).holders.get(target.terms.uuid)!
    await put('/another')
    expect(await attempt.advance({})).toEqual({ kind: 'hold' })
    expect(attempt.holdings).toMatchObject([{ token: modRevision }])
  })

  describe('whose ticket has to move to another lease', () => {
    let retired: string

    beforeEach(async () => {
      await put(key.ticket('other'))
      await attempt.advance({})
      const rival = {}
      const lease = engine.tickets.joinIdle(rival)!
      lease.discard(rival)
      retired = lease.id
    })

    const ticket = async () => (await engine.readOne(key)).tickets.get(target.terms.uuid)!

    it('finds in what it reads that a move without an answer was applied, and leaves the lease', async () => {
      const before = await ticket()
      const commit = store.commit.bind(store)
      jest.spyOn(store, 'commit').mockImplementationOnce(async transaction => {
        await commit(transaction)
        throw new StoreError('unreachable', 'The test lost the answer.')
      })
      await expect(attempt.advance({})).rejects.toMatchObject({ reason: 'unreachable' })
      const moved = await ticket()
      expect(moved).toMatchObject({ createRevision: before.createRevision })
      expect(moved.lease).not.toBe(retired)
      expect(await attempt.advance({})).toMatchObject({ kind: 'wait', place: 2 })
      expect(await ticket()).toEqual(moved)
      await eventually(async () => expect(await store.leases.remaining(retired)).toBeUndefined())
    })

    it('has the next lease renewed, so that it lasts until an answer comes', async () => {
      const isAging = jest.spyOn(Lease.prototype, 'isAging', 'get').mockReturnValue(true)
      const renew = jest.spyOn(engine.pool, 'renew')
      await attempt.advance({})
      isAging.mockRestore()
      const { lease } = await ticket()
      expect(renew.mock.calls.map(([{ id }]) => id)).toContain(lease)
    })
  })

  it('does not believe in a grant of which it has seen the end', async () => {
    await put(key.ticket('other'))
    await attempt.advance({})
    const { snapshot } = attempt.seen[0]!
    const holder = { ...snapshot.tickets.get(target.terms.uuid)!, key: key.holder(target.terms.uuid) }
    const granted = { ...snapshot, holders: new Map([[target.terms.uuid, holder]]) }
    watcher.onGranted({ ...granted, revision: snapshot.revision - 1n })
    const [seen] = await watcher.next(attempt.seen, undefined)
    expect(seen!.holders.size).toBe(0)
    watcher.onGranted({ ...granted, revision: seen!.revision })
    const [held] = await watcher.next([{ ...target, snapshot: seen! }], undefined)
    expect(held!.holders.size).toBe(1)
  })
})
