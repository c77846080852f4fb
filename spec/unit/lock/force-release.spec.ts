import { expect, it } from '@jest/globals'
import { pino } from 'pino'
import { LockService } from '../../../lib/lock/api/lock-service.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import { systemHost } from '../../../lib/lock/engine/host.js'
import { readsOf } from '../../../lib/kv/transaction.js'
import { StoreError } from '../../../lib/store/store-error.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { FaultyStore } from '../../support/faulty-store.js'

it('A forced release is told to have been applied, and why stays to be read, when etcd says of it that its space is used up', async () => {
  const store = new MemoryStore()
  const line = new FaultyStore(store)
  const service = new LockService(new Engine(line, systemHost, pino({ level: 'silent' })))
  const { key, uuid } = await service.acquire({ prefix: 'custom', owner: 'us' }, 'rack', {
    concurrency: 1,
    ttl: 600,
  })
  const toGrantTheLeaseOfTheMarker = 1
  line.befall(toGrantTheLeaseOfTheMarker + 1, async work => {
    await work()
    throw new StoreError('refused', 'etcdserver: mvcc: database space exceeded')
  })
  expect(await service.forceRelease(key, uuid, { by: 'admin', reason: 'the rack burns' })).toBe(true)
  const { results } = await store.commit(readsOf({ key: key.holder(uuid) }, { key: key.forced(uuid) }))
  expect(results.map(found => found.map(({ value }) => value))).toEqual([
    [],
    [expect.stringContaining('the rack burns')],
  ])
  await service.close()
  await store.close()
})
