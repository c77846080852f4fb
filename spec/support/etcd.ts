import { afterAll, beforeAll } from '@jest/globals'
import { Lock, type LockOptions } from '../../lib/index.js'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { openEtcdStore } from '../../lib/store/etcd/open-etcd-store.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'

// Now, and not when a test opens a Lock: jest lets no test import anything once another has ended that runs beside it.
const nowhere = await openEtcdStore(
  {
    endpoints: ['http://127.0.0.1:1'],
    callTimeoutMs: 1,
    failover: false,
    auth: { username: 'nobody', password: 'none' },
  },
  () => {},
)
await nowhere.close()

let serial = 0

/** A lock name that no other test uses. */
export function freshName(): string {
  return `spec-${process.pid}-${Date.now()}-${serial++}`
}

/** One private etcd for all tests of a file. The first call of a process has been made, which may take seconds on a busy machine. */
export function useEtcdServer(): { get: () => EtcdServer } {
  let server: EtcdServer
  beforeAll(async () => {
    server = await EtcdServer.start()
    await using lock = lockAt(server.endpoint)
    await lock.release('first', await lock.acquire('first', { concurrency: 1, ttl: 60 }))
  }, 120_000)
  afterAll(() => server.stop())
  return { get: () => server }
}

export function storeAt(endpoint: string, callTimeoutMs = 5_000): EtcdStore {
  return new EtcdStore({ endpoints: [endpoint], callTimeoutMs, failover: true })
}

export function lockAt(endpoint: string, options: Partial<LockOptions> = {}): Lock {
  return new Lock({
    config: { endpoints: [endpoint] },
    prefix: 'custom',
    owner: 'tester',
    dryRun: false,
    ...options,
  })
}
