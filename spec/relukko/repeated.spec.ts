import { systemHost } from '../../lib/lock/engine/host.js'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { LockService } from '../../lib/lock/api/lock-service.js'
import { Engine } from '../../lib/lock/engine/engine.js'
import { LockUnavailableError } from '../../lib/model/errors.js'
import type { RelukkoDTO } from '../../lib/relukko/relukko-dto.js'
import { RelukkoLocks, type Taken } from '../../lib/relukko/locks/relukko-locks.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import type { Store } from '../../lib/store/store.js'
import { eventually } from '../support/eventually.js'
import { type Fault, FaultyStore, lineFaults } from '../support/faulty-store.js'

const neverApplied = new Map(lineFaults).get('never applied')!

function locksOn(store: Store): RelukkoLocks {
  return new RelukkoLocks(
    new LockService(new Engine(store, systemHost, pino({ level: 'silent' }))),
    'custom',
    180,
  )
}

/** A call that is repeated at another server because the first did not answer, which then tidies up. */
describe('a lock that is taken again under its idempotency key', () => {
  let store: MemoryStore
  let line: FaultyStore
  let first: RelukkoLocks
  let second: RelukkoLocks

  const take = (
    locks: RelukkoLocks,
    options: { signal?: AbortSignal; wait?: number; request?: string } = {},
  ): Promise<Taken> =>
    locks.take({ lockName: 'rack', creator: 'me', ip: '127.0.0.1', request: 'once', wait: 0, ...options })
  const expectToStand = async (lock: RelukkoDTO): Promise<void> => {
    expect((await second.find(lock.id)).lock.toJSON()).toEqual(lock.toJSON())
    await expect(take(second, { request: 'another' })).rejects.toBeInstanceOf(LockUnavailableError)
  }

  beforeEach(() => {
    store = new MemoryStore()
    line = new FaultyStore(store)
    first = locksOn(line)
    second = locksOn(store)
  })
  afterEach(async () => {
    await second.locks.close()
    await store.close()
  })

  it.each(lineFaults)('stands, when the first gave up at a call that was %s', async (_, fault) => {
    for (let call = 1; call <= 6; call++) {
      const gone = new AbortController()
      const befall: Fault = (work, at) => {
        gone.abort(new Error('The client has gone.'))
        return fault(work, at)
      }
      line.befall(call, befall)
      const attempt = take(first, { signal: gone.signal, wait: 10 }).catch(() => undefined)
      await eventually(() => expect(gone.signal.aborted || line.calls > 0).toBe(true))
      const again = await take(second, { wait: 10 })
      gone.abort(new Error('The client has gone.'))
      await attempt
      await line.arrive()
      await first.locks.close()
      await expectToStand(again.lock)
      await second.release(again.lock.id)
      line = new FaultyStore(store)
      first = locksOn(line)
    }
  })

  it('stands, when the first learns only afterwards that it had it', async () => {
    const gone = new AbortController()
    let answer = (): void => {}
    const held = new Promise<void>(resolve => (answer = resolve))
    let isApplied = false
    // The lease is granted first.
    line.befall(2, async work => {
      const result = await work()
      isApplied = true
      await held
      return result
    })
    const attempt = take(first, { signal: gone.signal }).catch(() => undefined)
    await eventually(() => expect(isApplied).toBe(true))
    gone.abort(new Error('The client has gone.'))
    const again = await take(second)
    answer()
    await attempt
    await first.locks.close()
    await expectToStand(again.lock)
  })

  it.each([1, 2, 3])('stands, when the first gives up and looks again, after %d lost answers', async lost => {
    const gone = new AbortController()
    let again: Taken | undefined
    // The lease is granted first, then it is the lock.
    line.befall(
      2,
      async work => {
        await work()
        again ??= await take(second)
        gone.abort(new Error('The client has gone.'))
        return neverApplied(work, line)
      },
      lost,
    )
    await take(first, { signal: gone.signal }).catch(() => undefined)
    await first.locks.close()
    await expectToStand(again!.lock)
  })

  it('stands, when it comes after the first has looked for it in vain', async () => {
    let again: Taken | undefined
    let apply: (() => Promise<unknown>) | undefined
    // The lease, the lock, the look, and the end of the lease.
    let call = 1
    line.befall(
      2,
      async work => {
        call++
        if (call === 2) {
          apply = work
          return neverApplied(work, line)
        }
        if (call === 4) {
          await apply!()
          again = await take(second)
        }
        return work()
      },
      3,
    )
    await take(first)
    await first.locks.close()
    await expectToStand(again!.lock)
  })

  it('is the same for both, when the first goes on after an answer was lost', async () => {
    let again: Taken | undefined
    line.befall(2, async work => {
      await work()
      again = await take(second)
      return neverApplied(work, line)
    })
    const once = await take(first)
    expect([once.lock.toJSON(), once.fencingToken]).toEqual([again!.lock.toJSON(), again!.fencingToken])
    await first.locks.close()
    await expectToStand(once.lock)
  })
})

it('who was granted the lock after a wait needs no further call', async () => {
  const store = new MemoryStore()
  const line = new FaultyStore(store)
  const [locks, waiter] = [store, line].map(locksOn) as [RelukkoLocks, RelukkoLocks]
  const wish = { lockName: 'rack', creator: 'me', ip: '127.0.0.1' }
  const { lock: before } = await locks.take({ ...wish, wait: 0 })
  const waiting = waiter.take({ ...wish, wait: 10 })
  await eventually(async () => expect((await locks.find(before.id)).snapshot.tickets.size).toBe(1))
  // Two leases, a grant that has failed, and a look when the watches stood. The next call is its grant.
  await eventually(() => expect(line.calls).toBe(4))
  line.befall(2, neverApplied, Infinity)
  await locks.release(before.id)
  const { lock } = await waiting
  expect((await locks.find(lock.id)).lock.toJSON()).toEqual(lock.toJSON())
  line.befall(1, neverApplied, 0)
  await Promise.all([locks, waiter].map(each => each.locks.close()))
  await store.close()
})
