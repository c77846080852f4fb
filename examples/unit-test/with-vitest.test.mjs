// A unit test with MemoryStore under vitest. It needs no etcd.
//
//   npx vitest run examples/unit-test/with-vitest.test.mjs
import { Lock } from 'spicelock'
import { MemoryStore } from 'spicelock/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
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
    const write = vi.fn()
    expect(await nightlyReport(lock, write)).toBe('another process writes it')
    expect(write).not.toHaveBeenCalled()
  })
})
