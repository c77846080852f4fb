import { expect, it } from '@jest/globals'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const etcd = useEtcdServer()

/** How often etcd was asked what it is, by its own count. */
async function inspections(): Promise<readonly number[]> {
  const metrics = await (await fetch(`${etcd.get().endpoint}/metrics`)).text()
  return ['Status', 'MemberList'].map(method => {
    const line = new RegExp(
      `^grpc_server_handled_total\\{grpc_code="OK",grpc_method="${method}".* (\\d+)$`,
      'm',
    )
    return Number(line.exec(metrics)?.[1])
  })
}

it('etcd is asked for its version once, in the background, and a single member is not warned of', async () => {
  const warnings: string[] = []
  const options = { endpoints: etcd.get().endpoints, callTimeoutMs: 5_000, failover: true }
  const store = new EtcdStore(options, message => warnings.push(message))
  const write = (): Promise<unknown> =>
    store.commit({ compare: [], success: [{ type: 'put', key: '/any', value: '' }], failure: [] })
  const once = (await inspections()).map(before => before + 1)
  await write()
  await eventually(async () => expect(await inspections()).toEqual(once))
  await Promise.all([write(), write()])
  await write()
  expect(await inspections()).toEqual(once)
  expect(warnings).toEqual([])
  await store.close()
})
