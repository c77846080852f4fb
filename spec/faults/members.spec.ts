import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Connection } from '../../lib/store/etcd/connection.js'
import { useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const etcd = useEtcdServer()
let proxies: TcpProxy[]
let connection: Connection

beforeEach(async () => {
  const { endpoint } = etcd.get()
  proxies = await Promise.all([TcpProxy.to(endpoint), TcpProxy.to(endpoint), TcpProxy.to(endpoint)])
})
afterEach(async () => {
  connection.close()
  await Promise.all(proxies.map(proxy => proxy.close()))
})

const connect = (endpoints: readonly string[], callTimeoutMs = 2_000): Connection =>
  new Connection({ endpoints, callTimeoutMs, failover: true })
const ask = (timeoutMs?: number) =>
  connection.call((client, options) => client.maintenance.status.call(client.maintenance, options), {
    timeoutMs,
  })
/** A call that the member takes and never answers, though it answers others. */
const askInVain = (timeoutMs: number) =>
  connection.call(() => delay(timeoutMs).then(() => Promise.reject(new Error('Deadline exceeded'))), {
    timeoutMs,
  })

it('a member that answers questions about itself, and no call, is left for another', async () => {
  connection = connect(proxies.map(proxy => proxy.endpoint))
  await ask()
  expect(proxies.map(proxy => proxy.connections)).toEqual([1, 0, 0])
  for (let attempt = 0; attempt < 2; attempt++) await expect(askInVain(600)).rejects.toThrow('Deadline')
  await ask()
  expect(proxies[1]!.connections).toBe(1)
})

it('a member that answers others is not left because calls with little time are not answered', async () => {
  connection = connect(proxies.map(proxy => proxy.endpoint))
  await ask()
  const silent = Array.from({ length: 20 }, () => expect(askInVain(700)).rejects.toThrow('Deadline'))
  for (let answered = 0; answered < 7; answered++) {
    await ask()
    await delay(150)
  }
  await Promise.all(silent)
  await ask()
  expect(proxies.map(proxy => proxy.connections)).toEqual([1, 0, 0])
})

it('a slow connection on which something is heard is not left for a quicker one', async () => {
  const [proxy] = proxies
  connection = connect([proxy!.endpoint], 5_000)
  let failures = 0
  connection.onFailure(() => failures++)
  await ask()
  // Longer than a member that is doubted has, until another connection is tried.
  proxy!.slowDown(600)
  const owed = expect(askInVain(2_500)).rejects.toThrow('Deadline')
  const end = performance.now() + 2_400
  while (performance.now() < end) await ask()
  expect([failures, proxy!.connections]).toEqual([0, 1])
  await owed
})

it('a silent connection is left for another to the same member', async () => {
  const [proxy] = proxies
  connection = connect([proxy!.endpoint], 20_000)
  await ask()
  proxy!.lose()
  const start = performance.now()
  await expect(ask()).rejects.toMatchObject({ reason: 'unreachable' })
  await ask()
  expect(performance.now() - start).toBeLessThan(10_000)
  expect(proxy!.connections).toBeGreaterThan(1)
})

it('its end ends the search for a member, and opens no connection any more', async () => {
  for (const proxy of proxies) proxy.deafen()
  connection = connect(
    proxies.map(proxy => proxy.endpoint),
    20_000,
  )
  const start = performance.now()
  const asked = expect(ask()).rejects.toMatchObject({ reason: 'closed' })
  await eventually(() => expect(proxies[0]!.connections).toBe(1))
  connection.close()
  await asked
  expect(performance.now() - start).toBeLessThan(5_000)
  // The second would be asked a second after the first.
  await delay(1_200)
  expect(proxies.map(proxy => proxy.connections)).toEqual([1, 0, 0])
})

it('however many endpoints hang, the one that answers is reached within the time of a call', async () => {
  const [deaf, well] = proxies
  deaf!.deafen()
  connection = connect([...Array.from({ length: 8 }, () => deaf!.endpoint), well!.endpoint], 5_000)
  await ask()
  expect(well!.connections).toBe(1)
})
