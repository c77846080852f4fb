import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { Crowd, outcomes } from '../support/crowd.js'
import { storeAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** The longest that a call may take, milliseconds. */
const CALL_MS = 2_000
const etcd = useEtcdServer()
let proxy: TcpProxy
let direct: EtcdStore
let proxied: EtcdStore
let crowd: Crowd

beforeEach(async () => {
  proxy = await TcpProxy.to(etcd.get().endpoint)
  direct = storeAt(etcd.get().endpoint)
  proxied = storeAt(proxy.endpoint, CALL_MS)
  crowd = new Crowd(proxied)
  await crowd.create('first contact')
})
afterEach(async () => {
  await Promise.all([direct.close(), proxied.close()])
  await proxy.close()
})

const all = (count: number, outcome: string): string[] => Array.from({ length: count }, () => outcome)
const unreachable = (message: RegExp): object => ({
  reason: 'unreachable',
  message: expect.stringMatching(message) as unknown,
})
const msUntilFailed = async (commit: Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await expect(commit).rejects.toMatchObject({ reason: 'unreachable' })
  return performance.now() - start
}

it('A crowd of commits travels in few calls, and each is answered', async () => {
  const before = await transactionsServed()
  expect(await outcomes(crowd.createAll(126))).toEqual(all(126, 'applied'))
  expect((await transactionsServed()) - before).toBeLessThanOrEqual(2)
  expect(await outcomes(crowd.createAll(126))).toEqual(all(126, 'conflict'))
})

it('A lone commit does not wait for the next one, and is not nested', async () => {
  const before = await transactionsServed()
  const { revision } = await crowd.create('alone')
  expect((await transactionsServed()) - before).toBe(1)
  expect((await crowd.written(direct)).get('alone')).toEqual([revision, revision])
})

describe('A call whose answer is lost', () => {
  it('may have been applied for each of its commits, and is not sent again', async () => {
    proxy.mute()
    const commits = outcomes(crowd.createAll(20))
    await eventually(async () => expect((await crowd.written(direct)).size).toBe(21))
    proxy.cut()
    expect(await commits).toEqual(all(20, 'unreachable'))
    // It was applied once: a second time, each would be written by no call, but the call would count.
    expect(await outcomes([crowd.create('k0')])).toEqual(['conflict'])
    for (const [created, changed] of (await crowd.written(direct)).values()) expect(changed).toBe(created)
  })

  it('keeps no commit longer than its own time, while the others wait', async () => {
    proxy.mute()
    const patient = crowd.createAll(3)
    let isPatientOver = false
    const end = outcomes(patient).finally(() => (isPatientOver = true))
    const hasty = await msUntilFailed(crowd.create('hasty', { timeoutMs: 300 }))
    expect(hasty).toBeGreaterThan(250)
    expect(isPatientOver).toBe(false)
    await eventually(async () => expect((await crowd.written(direct)).has('hasty')).toBe(true))
    proxy.cut()
    expect(await end).toEqual(all(3, 'unreachable'))
  })

  it('does not hold back what is committed later', async () => {
    proxy.mute()
    const first = outcomes([crowd.create('first')])
    await eventually(async () => expect((await crowd.written(direct)).has('first')).toBe(true))
    const later = outcomes(crowd.createAll(3))
    await eventually(async () => expect((await crowd.written(direct)).size).toBe(5))
    proxy.cut()
    expect([...(await first), ...(await later)]).toEqual(all(4, 'unreachable'))
  })

  it('costs its time once: what is committed meanwhile does not wait for its end', async () => {
    proxy.lose()
    proxy.deafen()
    const start = performance.now()
    const times: Promise<number>[] = []
    while (performance.now() - start < CALL_MS / 2) {
      times.push(...crowd.createAll(3).map(msUntilFailed))
      await delay(100)
    }
    const slowest = Math.max(...(await Promise.all(times)))
    expect(slowest).toBeLessThan(CALL_MS * 1.5)
    proxy.deafen(false)
    await eventually(async () => expect(await outcomes([crowd.create('afterwards')])).toEqual(['applied']))
  })
})

describe('A commit behind another that shares a name with it, and is not answered,', () => {
  const behind = (timeoutMs: number): Promise<unknown> =>
    proxied.commit(crowd.creation('behind', ['shared']), { timeoutMs })

  it('is not sent when its own time is over, and says so', async () => {
    proxy.mute()
    const first = outcomes([proxied.commit(crowd.creation('first', ['shared']))])
    await expect(behind(200)).rejects.toMatchObject(unreachable(/not sent within 0\.2 s/))
    proxy.cut()
    expect(await first).toEqual(['unreachable'])
    await crowd.create('last')
    expect([...(await crowd.written(direct)).keys()].sort()).toEqual(['first', 'first contact', 'last'])
  })

  it('is sent when the caller of the other has given up, whose call goes on', async () => {
    await using slow = await TcpProxy.to(etcd.get().endpoint)
    const store = storeAt(slow.endpoint)
    const behindSlow = new Crowd(store)
    await behindSlow.create('warm')
    slow.slowDown(600)
    const given = outcomes([store.commit(behindSlow.creation('given up', ['shared']), { timeoutMs: 200 })])
    const [other] = behindSlow.createAll(1)
    const next = store.commit(behindSlow.creation('next', ['shared']))
    expect(await given).toEqual(['unreachable'])
    expect(await outcomes([other!, next])).toEqual(['applied', 'applied'])
    await store.close()
  })
})

it('A commit with little time is served by another member in time, though those that travel with it have more', async () => {
  await using first = await TcpProxy.to(etcd.get().endpoint)
  await using second = await TcpProxy.to(etcd.get().endpoint)
  const endpoints = [first.endpoint, second.endpoint]
  const store = new EtcdStore({ endpoints, callTimeoutMs: 10_000, failover: true })
  try {
    const mixed = new Crowd(store)
    await mixed.create('first contact')
    // A member that was heard of within the last second is not doubted.
    await delay(1_100)
    for (const way of [first, second]) if (way.connections > 0) way.lose()
    const patient = outcomes(mixed.createAll(3))
    const end = performance.now() + 1_200
    const hasty = async (): Promise<string> => {
      const timeoutMs = end - performance.now()
      if (timeoutMs <= 0) return 'given up'
      const [outcome] = await outcomes([mixed.create('hasty', { timeoutMs })])
      return outcome === 'unreachable' ? hasty() : outcome!
    }
    expect(await hasty()).toBe('applied')
    expect(await patient).toEqual(all(3, 'unreachable'))
  } finally {
    await store.close()
  }
})

describe('What etcd refuses of a crowd', () => {
  it('concerns the one at fault: the others lose a round trip', async () => {
    const { id } = await direct.leases.grant(60)
    await direct.leases.revoke(id)
    const dead = crowd.creation('dead', ['dead'], crowd.put('dead', { lease: id }))
    const before = await transactionsServed()
    const commits = [...crowd.createAll(9), proxied.commit(dead)]
    expect(await outcomes(commits)).toEqual([...all(9, 'applied'), 'lease-not-found'])
    expect((await transactionsServed()) - before).toBe(1 + 10)
  })

  it('is a value that is too large, and the others are applied in calls that are not', async () => {
    const large = (at: number, bytes: number): Promise<never> =>
      proxied.commit(
        crowd.creation(`l${at}`, [`l${at}`], crowd.put(`l${at}`, { value: 'x'.repeat(bytes) })),
      ) as Promise<never>
    const commits = Array.from({ length: 10 }, (_, at) => large(at, at === 4 ? 2_000_000 : 300_000))
    const ends = await outcomes(commits)
    expect(ends).toEqual(all(10, 'applied').with(4, 'refused'))
  })

  it('is a lease that no etcd has given, before anything is sent', async () => {
    const bad = crowd.creation('bad', ['bad'], crowd.put('bad', { lease: 'mine' }))
    await expect(proxied.commit(bad)).rejects.toMatchObject({
      reason: 'refused',
      message: 'A lease must be a decimal number, got "mine"',
    })
    expect(await outcomes(crowd.createAll(2))).toEqual(all(2, 'applied'))
  })

  it('is what its limits are too small for: the next calls are smaller', async () => {
    const server = await EtcdServer.start({ args: ['--max-txn-ops', '20'] })
    const store = storeAt(server.endpoint)
    try {
      const small = new Crowd(store)
      for (const outcome of ['applied', 'conflict', 'conflict', 'conflict']) {
        expect(await outcomes(small.createAll(60))).toEqual(all(60, outcome))
      }
      const before = await transactionsServed(server)
      expect(await outcomes(small.createAll(60))).toEqual(all(60, 'conflict'))
      expect((await transactionsServed(server)) - before).toBeLessThan(20)
    } finally {
      await store.close()
      await server.stop()
    }
  })
})

it('A full etcd refuses those of a crowd that write, and lets others delete', async () => {
  const server = await EtcdServer.start({ args: ['--quota-backend-bytes', '8000000'] })
  const store = storeAt(server.endpoint)
  try {
    const full = new Crowd(store)
    await full.create('old')
    const large = 'x'.repeat(1_000_000)
    const fill = async (): Promise<void> => {
      for (;;)
        await store.commit({ compare: [], success: [full.put('large', { value: large })], failure: [] })
    }
    await expect(fill()).rejects.toMatchObject({ reason: 'refused' })
    const remove = { type: 'delete', key: full.key('old') } as const
    const removal = { scope: ['old'], compare: [], success: [remove], failure: [] }
    expect(await outcomes([...full.createAll(5), store.commit(removal)])).toEqual([
      ...all(5, 'refused'),
      'applied',
    ])
    expect([...(await full.written(store)).keys()]).toEqual(['large'])
  } finally {
    await store.close()
    await server.stop()
  }
})

/** How many transactions etcd has served. */
async function transactionsServed(server = etcd.get()): Promise<number> {
  const metrics = await (await fetch(`${server.endpoint}/metrics`)).text()
  const lines = metrics.matchAll(/^grpc_server_handled_total\{.*grpc_method="Txn".*\} (\d+)$/gm)
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0)
}
