// A unit test with MemoryStore under jest. It needs no etcd.
//
//   NODE_OPTIONS=--experimental-vm-modules npx jest --config examples/unit-test/jest.config.json
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
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
    expect(await nightlyReport(lock, write)).toBe('written')
    expect(holders).toHaveLength(1)
    expect((await lock.inspect('nightly-report')).holders).toEqual([])
  })

  it('is left to the process that holds the lock', async () => {
    const other = new Lock({ store, prefix: 'custom', owner: 'other', dryRun: false })
    await other.acquire('nightly-report', { concurrency: 1, ttl: 60 })
    const write = jest.fn()
    expect(await nightlyReport(lock, write)).toBe('another process writes it')
    expect(write).not.toHaveBeenCalled()
  })
})
