// A store of your own: this one logs the transactions of another store. `storeContract` says whether it is one that locks
// can rely on.
//
//   node --test examples/own-store.test.mjs
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lock } from 'spicelock'
import { MemoryStore, storeContract } from 'spicelock/testing'

class LoggingStore {
  log = []

  constructor(store) {
    this.store = store
    this.leases = store.leases
  }

  async commit(transaction, options) {
    const result = await this.store.commit(transaction, options)
    this.log.push(result.succeeded ? transaction.success : transaction.failure)
    return result
  }

  watch(ranges, listener) {
    return this.store.watch(ranges, listener)
  }

  close() {
    return this.store.close()
  }
}

describe('LoggingStore', () => {
  for (const { name, run } of storeContract(() => new LoggingStore(new MemoryStore()))) it(name, run)

  it('shows that a free lock is taken, and released, in one transaction each', async () => {
    const store = new LoggingStore(new MemoryStore())
    const lock = new Lock({ store, prefix: 'custom', owner: 'test', dryRun: false })
    const id = await lock.acquire('rack-a1', { concurrency: 1, ttl: 60 })
    await lock.release('rack-a1', id)
    const writes = store.log.filter(ops => ops.some(op => op.type !== 'range'))
    assert.equal(writes.length, 2)
    await store.close()
  })
})
