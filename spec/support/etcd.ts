import { afterAll, beforeAll } from '@jest/globals'
import { Lock, type LockOptions } from '../../lib/index.js'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'

let serial = 0

/** A lock name that no other test uses. */
export function freshName(): string {
  return `spec-${process.pid}-${Date.now()}-${serial++}`
}

/** One private etcd for all tests of a file. */
export function useEtcdServer(): { get: () => EtcdServer } {
  let server: EtcdServer
  beforeAll(async () => {
    server = await EtcdServer.start()
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
