import { systemHost } from '../../../lib/lock/engine/host.js'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { LockService } from '../../../lib/lock/api/lock-service.js'
import { Engine } from '../../../lib/lock/engine/engine.js'
import type { Holding } from '../../../lib/lock/engine/holdings.js'
import { EtcdLockUnavailableError } from '../../../lib/model/errors.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { eventually } from '../../support/eventually.js'
import { type Fault, FaultyStore, lineFaults } from '../../support/faulty-store.js'

const faults = new Map(lineFaults)
let store: MemoryStore
let line: FaultyStore
let service: LockService
let held: Holding

beforeEach(async () => {
  store = new MemoryStore()
  line = new FaultyStore(store)
  service = new LockService(new Engine(line, systemHost, pino({ level: 'silent' })))
  held = await service.acquire({ prefix: 'custom', owner: 'us' }, 'rack', { concurrency: 1, ttl: 600 })
})
afterEach(async () => {
  line.befall(1, work => work())
  await service.close()
  await store.close()
})

/** A release with little time; all of its calls fail. */
async function releaseInVain(fault: Fault): Promise<void> {
  line.befall(1, fault, Infinity)
  const release = service.releaseBeside(held.key, held.uuid, '/beside', { withinMs: 50 })
  await expect(release).rejects.toBeInstanceOf(EtcdLockUnavailableError)
}

it('A holding stands when its release was given up, and may be repeated', async () => {
  await releaseInVain(faults.get('never applied')!)
  expect(service.isHeldHere(held.key, held.uuid)).toBe(true)
  expect(line.revocations).toBe(0)
})

it('A holding stands also when another release of it was given up at the same time', async () => {
  await Promise.all([1, 2].map(() => releaseInVain(faults.get('never applied')!)))
  expect(service.isHeldHere(held.key, held.uuid)).toBe(true)
  expect(line.revocations).toBe(0)
})

it('A holding does not come back, and its lease ends, when its end was seen before its release was given up', async () => {
  await releaseInVain(async (work, at) => {
    await faults.get('applied, and not answered')!(work, at).finally(() =>
      service.forget(held.key.holder(held.uuid), held.token + 1n),
    )
  })
  expect(service.isHeldHere(held.key, held.uuid)).toBe(false)
  await eventually(async () => expect(await store.leases.remaining(held.lease.id)).toBeUndefined())
})

it('The end of a holding, told late, does not end a younger one with the same key', async () => {
  await service.release([held.key], held.uuid)
  const younger = await service.acquire({ prefix: 'custom', owner: 'us' }, 'rack', {
    concurrency: 1,
    ttl: 600,
  })
  const path = younger.key.holder(younger.uuid)
  expect(path).toBe(held.key.holder(held.uuid))
  service.forget(path, younger.token - 1n)
  expect(service.isHeldHere(younger.key, younger.uuid)).toBe(true)
  expect(service.isHeldHere(held.key, held.uuid)).toBe(false)
  service.forget(path, younger.token + 1n)
  expect(service.isHeldHere(younger.key, younger.uuid)).toBe(false)
})
