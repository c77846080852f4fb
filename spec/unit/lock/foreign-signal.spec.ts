import { afterAll, beforeEach, describe, expect, it } from '@jest/globals'
import { Lock } from '../../../lib/index.js'
import { RelukkoClient } from '../../../lib/relukko/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'
import { freshName } from '../../support/etcd.js'
import { eventually } from '../../support/eventually.js'

/** As that of jsdom, or of a program from before Node had one: of no class that Node knows. */
class ForeignSignal {
  aborted = false
  reason: unknown
  readonly listeners = new Set<() => void>()

  addEventListener(_type: string, listener: () => void): void {
    this.listeners.add(listener)
  }

  removeEventListener(_type: string, listener: () => void): void {
    this.listeners.delete(listener)
  }

  abort(reason?: unknown): void {
    this.aborted = true
    this.reason = reason
    for (const listener of [...this.listeners]) listener()
  }
}

const terms = { concurrency: 1, ttl: 60 }
const store = new MemoryStore()
const lock = new Lock({ store, prefix: 'custom', owner: 'tester', dryRun: false })
let foreign: ForeignSignal
let signal: AbortSignal
let name: string
beforeEach(() => {
  foreign = new ForeignSignal()
  signal = foreign as unknown as AbortSignal
  name = freshName()
})
afterAll(async () => {
  await lock.close()
  await store.close()
})

describe('an AbortSignal that is not of Node', () => {
  it('is taken, and left without listeners', async () => {
    for (const held of [
      await lock.hold(name, { ...terms, signal }),
      await lock.tryAcquire(freshName(), { signal }),
      await lock.acquireAll([{ name: freshName(), ...terms }], { signal }),
    ]) {
      await held!.release()
    }
    expect(foreign.listeners.size).toBe(0)
  })

  it.each([['its reason', new Error('enough')] as const, ['an AbortError', undefined] as const])(
    'ends a wait with %s',
    async (_, reason) => {
      await lock.acquire(name, terms)
      const waiting = lock.acquire(name, { ...terms, signal })
      const ended = expect(waiting).rejects.toMatchObject(reason ?? { name: 'AbortError' })
      await eventually(async () => expect((await lock.inspect(name)).waiters).toHaveLength(1))
      foreign.abort(reason)
      await ended
      expect((await lock.inspect(name)).waiters).toEqual([])
      await expect(lock.acquire(name, { ...terms, signal })).rejects.toMatchObject(
        reason ?? { name: 'AbortError' },
      )
      expect(foreign.listeners.size).toBe(0)
    },
  )

  it('ends a loop over events', async () => {
    const events = lock.events(name, { signal })
    const ended = expect(events.next()).rejects.toBe('x')
    await eventually(() => expect(foreign.listeners.size).toBeGreaterThan(0))
    foreign.abort('x')
    await ended
    expect(foreign.listeners.size).toBe(0)
  })

  it('ends the calls of a RelukkoClient', async () => {
    const client = new RelukkoClient('http://127.0.0.1:1', 'key', { signal, delay: 600 })
    const ended = expect(client.getLocks()).rejects.toThrow('enough')
    foreign.abort(new Error('enough'))
    await ended
    await expect(client.getLocks()).rejects.toThrow('enough')
    await client.close()
  })

  it.each([
    null,
    'now',
    {},
    { aborted: false, addEventListener: () => {} },
    { throwIfAborted: () => {} },
    new EventTarget(),
  ])('and %p, which is none, is refused by name', async wrong => {
    const options = { ...terms, signal: wrong as AbortSignal }
    for (const refused of [
      lock.acquire(name, options),
      lock.hold(name, options),
      lock.tryAcquire(name, options),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_LOCK' })
      await expect(refused).rejects.toThrow("the option 'signal' must be an AbortSignal, got")
    }
    expect(() => lock.events(name, { signal: options.signal })).toThrow("'signal' must be an AbortSignal")
  })
})
