import { describe, expect, it } from '@jest/globals'
import { cookbookLock, InvalidLockError, Lock } from '../../../lib/index.js'
import { MemoryStore } from '../../../lib/testing/index.js'

describe('cookbookLock', () => {
  it.each([
    [undefined, 'sre.dns.netbox', 20, 1_800],
    [{}, 'sre.dns.netbox', 20, 1_800],
    [{ suffix: '' }, 'sre.dns.netbox', 20, 1_800],
    [{ suffix: 'codfw' }, 'sre.dns.netbox:codfw', 20, 1_800],
    [{ concurrency: 0 }, 'sre.dns.netbox', 0, 1_800],
    [{ concurrency: 1, ttl: 60 }, 'sre.dns.netbox', 1, 60],
  ])('with %j', (lockArgs, name, concurrency, ttl) => {
    expect(cookbookLock('sre.dns.netbox', lockArgs)).toEqual({ name, options: { concurrency, ttl } })
  })

  it('refuses an empty name', () => {
    expect(() => cookbookLock('', { suffix: 'codfw' })).toThrow(InvalidLockError)
  })

  it('is what a lock takes', async () => {
    const store = new MemoryStore()
    const lock = new Lock({ store, prefix: 'cookbooks', owner: 'tester', dryRun: false })
    const { name, options } = cookbookLock('sre.dns.netbox', { suffix: 'codfw', concurrency: 1 })
    const holders = await lock.acquired(name, options, async () => (await lock.inspect(name)).holders)
    expect(holders).toMatchObject([{ concurrency: 1, ttl: 1_800 }])
    await store.close()
  })
})
