import { describe, expect, it } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { storeContract } from '../../lib/testing/store-contract/store-contract.js'

describe('MemoryStore', () => {
  it.each(storeContract(() => new MemoryStore()))('$name', ({ run }) => run())

  it('grants no lease shorter than etcd does', async () => {
    expect((await new MemoryStore().leases.grant(1)).ttl).toBe(2)
  })

  it.each(['compare', 'success', 'failure'])('refuses more than etcd takes by default: %s', async list => {
    const keys = Array.from({ length: 129 }, (_, at) => String(at))
    const compare = keys.map(key => ({ key, target: 'mod' as const, is: '=' as const, revision: 0n }))
    const puts = keys.map(key => ({ type: 'put' as const, key, value: '' }))
    const all = { compare, success: puts, failure: puts }
    const work = new MemoryStore().commit({
      compare: [],
      success: [],
      failure: [],
      [list]: all[list as keyof typeof all],
    })
    await expect(work).rejects.toMatchObject({ reason: 'refused' })
  })
})
