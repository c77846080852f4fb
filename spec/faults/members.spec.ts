import { setTimeout as delay } from 'node:timers/promises'
import { expect, it, jest } from '@jest/globals'
import { readsOf } from '../../lib/kv/transaction.js'
import { Connection } from '../../lib/store/etcd/connection.js'
import { StatusCode, statusError } from '../../lib/store/etcd/http2/status.js'
import { encodeTransaction } from '../../lib/store/etcd/proto/transaction-request.js'
import { useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

const etcd = useEtcdServer()

/** Three ways to one etcd, and a connection by some of them. */
class Ways implements AsyncDisposable {
  readonly endpoints: readonly string[]
  private connection: Connection | undefined

  private constructor(readonly proxies: readonly [TcpProxy, TcpProxy, TcpProxy]) {
    this.endpoints = proxies.map(({ endpoint }) => endpoint)
  }

  static async open(): Promise<Ways> {
    const { endpoint } = etcd.get()
    return new Ways(await Promise.all([TcpProxy.to(endpoint), TcpProxy.to(endpoint), TcpProxy.to(endpoint)]))
  }

  connect(endpoints = this.endpoints, callTimeoutMs = 2_000): Connection {
    return (this.connection = new Connection({ endpoints, callTimeoutMs, failover: true }))
  }

  /** How many connections have come by each. */
  get connections(): number[] {
    return this.proxies.map(proxy => proxy.connections)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection?.close()
    await Promise.all(this.proxies.map(proxy => proxy.close()))
  }
}

const nothing = encodeTransaction(readsOf())
const askFor = (connection: Connection, timeoutMs: number): Promise<unknown> =>
  connection.call((member, { deadline }) => member.transact(nothing, deadline), { timeoutMs })
const ask = (connection: Connection): Promise<unknown> => askFor(connection, Infinity)
const TIME_IS_OVER = { code: StatusCode.DEADLINE_EXCEEDED, details: 'Deadline exceeded after 1s' }
/** A call that the member takes and never answers, though it answers others. */
const askInVain = (connection: Connection, timeoutMs: number): Promise<unknown> =>
  connection.call(() => delay(timeoutMs).then(() => Promise.reject(statusError(TIME_IS_OVER))), {
    timeoutMs,
  })

it.concurrent('a member that answers questions about itself, and no call, is left for another', async () => {
  await using ways = await Ways.open()
  const connection = ways.connect()
  await ask(connection)
  expect(ways.connections).toEqual([1, 0, 0])
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(askInVain(connection, 600)).rejects.toThrow('no answer within')
  await ask(connection)
  expect(ways.proxies[1].connections).toBe(1)
})

it.concurrent(
  'a member that answers others is not left because calls with little time are not answered',
  async () => {
    await using ways = await Ways.open()
    const connection = ways.connect()
    await ask(connection)
    const silent = Array.from({ length: 20 }, () =>
      expect(askInVain(connection, 700)).rejects.toThrow('no answer within'),
    )
    for (let answered = 0; answered < 7; answered++) {
      await ask(connection)
      await delay(150)
    }
    await Promise.all(silent)
    await ask(connection)
    expect(ways.connections).toEqual([1, 0, 0])
  },
)

it.concurrent(
  'a call with little time leaves the others alone, at whatever moment its time is over',
  async () => {
    await using ways = await Ways.open()
    const connection = ways.connect()
    await ask(connection)
    ways.proxies[0].slowDown(200)
    for (let round = 0; round < 5; round++) {
      const patient = ask(connection)
      // A timer drops the fraction: it is due before the deadline.
      await expect(askFor(connection, 50.9)).rejects.toThrow('no answer within 0.0')
      await patient
    }
    expect(ways.connections).toEqual([1, 0, 0])
  },
)

it.concurrent('a slow connection on which something is heard is not left for a quicker one', async () => {
  await using ways = await Ways.open()
  const [proxy] = ways.proxies
  const connection = ways.connect([proxy.endpoint], 5_000)
  let failures = 0
  connection.onFailure(() => failures++)
  await ask(connection)
  // Longer than a member that is doubted has, until another connection is tried.
  proxy.slowDown(600)
  const owed = expect(askInVain(connection, 2_500)).rejects.toThrow('no answer within')
  const end = performance.now() + 2_400
  while (performance.now() < end) await ask(connection)
  expect([failures, proxy.connections]).toEqual([0, 1])
  await owed
})

it.concurrent('a silent connection is left for another to the same member', async () => {
  await using ways = await Ways.open()
  const [proxy] = ways.proxies
  const connection = ways.connect([proxy.endpoint], 20_000)
  await ask(connection)
  proxy.lose()
  const start = performance.now()
  await expect(ask(connection)).rejects.toMatchObject({ reason: 'unreachable' })
  await ask(connection)
  expect(performance.now() - start).toBeLessThan(10_000)
  expect(proxy.connections).toBeGreaterThan(1)
})

it.concurrent('a call keeps to its time though the wall clock is set back while it is sent', async () => {
  await using ways = await Ways.open()
  const connection = ways.connect()
  await ask(connection)
  ways.proxies[0].mute()
  const anHourAgo = Date.now() - 3_600_000
  const clock = jest.spyOn(Date, 'now')
  const asked = connection.call(
    (member, { deadline }) => {
      clock.mockReturnValue(anHourAgo)
      return member.transact(nothing, deadline)
    },
    { timeoutMs: 200 },
  )
  clock.mockRestore()
  await expect(asked).rejects.toThrow('no answer within 0.')
})

it.concurrent('a member that has gone takes nothing with it from its successor', async () => {
  await using ways = await Ways.open()
  const connection = ways.connect()
  let failures = 0
  connection.onFailure(() => failures++)
  const member = await connection.contact()
  // Until it has not been heard of for so long, it is not doubted.
  await eventually(() => expect(performance.now() - member.heardAt).toBeGreaterThan(1_000))
  connection.doubt(member)
  connection.fail(member)
  // What is written from here on waits for the successor, which the search for the doubted one finds.
  expect(await connection.contact()).not.toBe(member)
  expect([failures, ways.connections]).toEqual([1, [1, 1, 0]])
})

it.concurrent(
  'an endpoint that is back is found while another is silent, and nothing is left open',
  async () => {
    await using ways = await Ways.open()
    const [back, silent] = ways.proxies
    silent.deafen()
    back.refuse()
    const connection = ways.connect([back.endpoint, silent.endpoint], 60_000)
    const asked = ask(connection)
    // It is asked since the other has refused.
    await eventually(() => expect(silent.connections).toBe(1))
    await back.admit()
    const start = performance.now()
    await asked
    expect(performance.now() - start).toBeLessThan(4_000)
    expect(back.connections).toBe(1)
    await eventually(() => expect(silent.open).toBe(0))
  },
)

it.concurrent('its end ends the search for a member, and opens no connection any more', async () => {
  await using ways = await Ways.open()
  for (const proxy of ways.proxies) proxy.deafen()
  const connection = ways.connect(ways.endpoints, 20_000)
  const start = performance.now()
  const asked = expect(ask(connection)).rejects.toMatchObject({ reason: 'closed' })
  await eventually(() => expect(ways.proxies[0].connections).toBe(1))
  connection.close()
  await asked
  expect(performance.now() - start).toBeLessThan(5_000)
  // The second would be asked a second after the first.
  await delay(1_200)
  expect(ways.connections).toEqual([1, 0, 0])
})

it.concurrent(
  'however many endpoints hang, the one that answers is reached within the time of a call',
  async () => {
    await using ways = await Ways.open()
    const [deaf, well] = ways.proxies
    deaf.deafen()
    const connection = ways.connect([...Array.from({ length: 8 }, () => deaf.endpoint), well.endpoint], 5_000)
    await ask(connection)
    expect(well.connections).toBe(1)
  },
)
