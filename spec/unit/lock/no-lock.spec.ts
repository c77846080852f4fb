import { describe, expect, it } from '@jest/globals'
import { KeyLocks, Lock, NoLock } from '../../../lib/index.js'

const lock = new NoLock()
const options = { concurrency: 1, ttl: 60 }

describe('NoLock', () => {
  it('has the whole surface of a Lock', () => {
    const methods = Object.getOwnPropertyNames(Lock.prototype).filter(
      name =>
        ![
          'open',
          'prepare',
          'take',
          'releaseQuietly',
          'follow',
          'noopTerms',
          'skip',
          'warnIfUnasked',
        ].includes(name),
    )
    expect(Object.getOwnPropertyNames(NoLock.prototype)).toEqual(methods)
    expect(lock).toMatchObject({ prefix: '', owner: '', dryRun: true })
  })

  it('knows of no holder', async () => {
    expect(await lock.get('name')).toEqual(new KeyLocks('name'))
    expect(await lock.inspect('name')).toEqual({
      prefix: '',
      name: 'name',
      key: 'name',
      holders: [],
      waiters: [],
    })
    expect(await lock.list()).toEqual([])
  })

  it('gives everybody what they ask for, under an empty id', async () => {
    expect(await lock.acquire('name', options)).toBe('')
    expect(await lock.acquire('name', options)).toBe('')
    await lock.release('name', '')
    await lock.extend('name', '', 60)
    await lock.close()
  })

  it('runs the function, and hands on what it returns', async () => {
    expect(await lock.acquired('name', options, ({ id }) => `ran with ${JSON.stringify(id)}`)).toBe(
      'ran with ""',
    )
    expect(await lock.acquired('name', options, () => Promise.resolve(7))).toBe(7)
  })

  it('hands on what the function throws', async () => {
    const thrown = lock.acquired('name', options, () => {
      throw new Error('from the function')
    })
    await expect(thrown).rejects.toThrow('from the function')
  })

  it('holds for a block', async () => {
    await using held = await lock.hold('name', options)
    expect(held).toMatchObject({ name: 'name', id: '', fencingToken: 0n })
    expect(held.remaining()).toBeLessThanOrEqual(60)
    held.assertHeld()
    await held.verify()
    await held.extend(60)
    await expect(held.guard({ success: [] })).rejects.toThrow('Locking is disabled')
  })

  it('has every kind of lock', async () => {
    for (const held of [
      await lock.exclusive('name'),
      await lock.shared('name'),
      await lock.semaphore('name', 3),
      await lock.tryAcquire('name'),
    ]) {
      expect(held).toMatchObject({ name: 'name', id: '' })
    }
  })
})
