import { describe, expect, it } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { storeContract } from '../../lib/testing/store-contract/store-contract.js'

describe('MemoryStore', () => {
  it.each(storeContract(() => new MemoryStore()))('$name', ({ run }) => run())

  it('grants no lease shorter than etcd does', async () => {
    expect((await new MemoryStore().leases.grant(1)).ttl).toBe(2)
  })
})
