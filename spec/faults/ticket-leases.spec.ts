import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { spawnTs } from '../support/run-ts.js'

const etcd = useEtcdServer()

const WAITERS = 500
/** As many attempts share a lease, at most. */
const SHARE = 128
const TICKET_TTL = 15

/** How many grants of leases, and renewals, etcd has been asked for. */
async function asked(): Promise<{ grants: number; renewals: number }> {
  const metrics = await (await fetch(`${etcd.get().endpoint}/metrics`)).text()
  const of = (method: string): number => {
    const line = new RegExp(`^grpc_server_msg_received_total\\{grpc_method="${method}".*\\} (\\S+)$`, 'm')
    return Number(line.exec(metrics)?.[1])
  }
  return { grants: of('LeaseGrant'), renewals: of('LeaseKeepAlive') }
}

it('five hundred waiters of one process need a few leases for their tickets, and all of these end with it', async () => {
  await using lock = lockAt(etcd.get().endpoint)
  const name = freshName()
  const id = await lock.acquire(name, { concurrency: 1, ttl: 120 })
  const before = await asked()
  const options = { endpoints: etcd.get().endpoints, name, waiters: WAITERS }
  const child = await spawnTs('spec/support/many-waiters.ts', [JSON.stringify(options)])
  await once(child.stdout!, 'data')
  const gathered = await asked()
  const leases = Math.ceil(WAITERS / SHARE)
  // Each has a lease for its holder key.
  expect(gathered.grants - before.grants).toBeLessThanOrEqual(WAITERS + leases)
  await delay((TICKET_TTL / 3) * 1000)
  const after = await asked()
  expect(after.grants).toBe(gathered.grants)
  expect(after.renewals - gathered.renewals).toBeGreaterThan(0)
  expect(after.renewals - gathered.renewals).toBeLessThanOrEqual(2 * leases)

  child.kill('SIGKILL')
  await once(child, 'exit')
  const SLACK_S = 3
  const nobody = async (): Promise<void> => expect((await lock.inspect(name)).waiters).toEqual([])
  await eventually(nobody, (TICKET_TTL + SLACK_S) * 1000)
  await lock.release(name, id)
}, 60_000)
