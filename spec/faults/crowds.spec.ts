import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import { storeAt, useEtcdServer } from '../support/etcd.js'

/** The longest that a call may take, milliseconds. */
const CALL_MS = 500
const LEASES = 4_000
const etcd = useEtcdServer()

/** How many leases etcd has been asked to grant, and has begun to. */
async function grantsAsked(): Promise<number> {
  const page = await (await fetch(`${etcd.get().endpoint}/metrics`)).text()
  return Number(/^grpc_server_started_total\{grpc_method="LeaseGrant".* (\S+)$/m.exec(page)![1])
}

it('more leases than etcd grants in the time of a call, asked for at once, are all granted, each at the first attempt', async () => {
  const store = storeAt(etcd.get().endpoint, CALL_MS)
  const before = await grantsAsked()
  const granted = await Promise.all(Array.from({ length: LEASES }, () => store.leases.grant(60)))
  expect(new Set(granted.map(({ id }) => id)).size).toBe(LEASES)
  expect((await grantsAsked()) - before).toBe(LEASES)
  await store.close()
})

it('a renewal that is answered while the process does not run is not taken for unanswered', async () => {
  const store = storeAt(etcd.get().endpoint)
  const { id } = await store.leases.grant(60)
  await store.leases.renew(id)
  const renewed = store.leases.renew(id, { timeoutMs: 300 })
  await turn()
  const end = performance.now() + 700
  while (performance.now() < end);
  expect(await renewed).toBe(60)
  await store.close()
})
