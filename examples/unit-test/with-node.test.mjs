// A unit test with MemoryStore under node:test. It needs no etcd.
//
//   node --test examples/unit-test/with-node.test.mjs
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Lock } from 'spicelock'
import { MemoryStore } from 'spicelock/testing'
import { nightlyReport } from './nightly-report.mjs'

describe('The nightly report', () => {
  let store, lock
  beforeEach(() => {
    store = new MemoryStore()
    lock = new Lock({ store, prefix: 'custom', owner: 'test', dryRun: false })
  })
  afterEach(() => store.close())

  it('is written under the lock, which is released afterwards', async () => {
    let holders
    const write = async () => ({ holders } = await lock.inspect('nightly-report'))
    assert.equal(await nightlyReport(lock, write), 'written')
    assert.equal(holders.length, 1)
    assert.deepEqual((await lock.inspect('nightly-report')).holders, [])
  })

  it('is left to the process that holds the lock', async () => {
    const other = new Lock({ store, prefix: 'custom', owner: 'other', dryRun: false })
    await other.acquire('nightly-report', { concurrency: 1, ttl: 60 })
    const write = () => assert.fail('written by two')
    assert.equal(await nightlyReport(lock, write), 'another process writes it')
  })
})
