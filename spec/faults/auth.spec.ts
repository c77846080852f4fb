import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { Etcd3, Range } from 'etcd3'
import type { Transaction } from '../../lib/kv/transaction.js'
import { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import type { Watch } from '../../lib/store/store.js'
import { EtcdServer } from '../../lib/testing/etcd-server.js'
import { outcomes } from '../support/crowd.js'
import { QUICK_PASSWORDS, useJwtKeys } from '../support/etcd-auth.js'
import { eventually } from '../support/eventually.js'
import { TcpProxy } from '../support/tcp-proxy.js'

/** Seconds: tokens that etcd forgets soon; its simple ones last for five minutes. */
const TOKEN_TTL = 2
const jwtKeys = useJwtKeys()
const auth = { username: 'locker', password: 'secret' }
let server: EtcdServer
let store: EtcdStore
let events: number

beforeAll(async () => {
  server = await EtcdServer.start({ args: [...QUICK_PASSWORDS, ...jwtKeys.args(`${TOKEN_TTL}s`)] })
  const admin = new Etcd3({ hosts: server.endpoint })
  await admin.role('root').create()
  await (await admin.user('root').create('secret')).addRole('root')
  const role = await admin.role('locker').create()
  await role.grant({ permission: 'Readwrite', range: Range.prefix('/allowed/') })
  await (await admin.user(auth.username).create(auth.password)).addRole('locker')
  await admin.auth.authEnable()
  admin.close()
}, 120_000)
afterAll(() => server.stop())
beforeEach(() => {
  store = new EtcdStore({ endpoints: server.endpoints, callTimeoutMs: 5_000, failover: true, auth })
  events = 0
})
afterEach(() => store.close())

const watch = (key: string): Watch =>
  store.watch(
    { key },
    { onEvents: told => void (events += told.length), onGap: () => {}, onEnd: () => void (events = -1) },
  )
const put = (key: string): Promise<unknown> =>
  store.commit({ compare: [], success: [{ type: 'put', key, value: 'v' }], failure: [] })

it('a watch that etcd does not allow ends, and others go on', async () => {
  const allowed = watch('/allowed/a')
  const denied = store.watch({ key: '/denied' }, { onEvents() {}, onGap() {}, onEnd() {} })
  await expect(denied.ready).rejects.toMatchObject({ reason: 'refused' })
  await allowed.ready
  await put('/allowed/a')
  await eventually(() => expect(events).toBe(1))
})

it('a watch is opened although the token of the stream has expired', async () => {
  await watch('/allowed/a').ready
  // Nothing tells that a token has expired, and to ask would renew it.
  await new Promise(resolve => setTimeout(resolve, TOKEN_TTL * 1000 + 1_000))
  await watch('/allowed/b').ready
  await put('/allowed/b')
  await eventually(() => expect(events).toBe(1))
}, 15_000)

describe('in a crowd of commits that travel in one call', () => {
  const allowed = (count: number): Transaction[] =>
    Array.from({ length: count }, (_, at) => ({
      scope: [`a${at}`],
      compare: [{ key: `/allowed/c${at}`, target: 'mod', is: '>', revision: -1n }],
      success: [{ type: 'put', key: `/allowed/c${at}`, value: 'v' }],
      failure: [],
    }))
  const commits = (transactions: readonly Transaction[]): Promise<string[]> =>
    outcomes(transactions.map(each => store.commit(each)))
  const nothing = { compare: [], success: [], failure: [] }

  it.each<[string, Transaction]>([
    ['writes', { ...nothing, success: [{ type: 'put', key: '/denied/x', value: 'v' }] }],
    [
      'writes only if it cannot what it may',
      { ...nothing, failure: [{ type: 'put', key: '/denied/x', value: 'v' }] },
    ],
    ['reads', { ...nothing, success: [{ type: 'range', key: '/denied/x' }] }],
    ['deletes', { ...nothing, success: [{ type: 'delete', key: '/allowed', end: '/denied0' }] }],
    ['compares', { ...nothing, compare: [{ key: '/denied/x', target: 'mod', is: '>', revision: -1n }] }],
  ])('one that %s what the user may not is refused, and no other', async (_, denied) => {
    const ends = await commits([...allowed(20), { ...denied, scope: ['denied'] }, ...allowed(1)])
    expect(ends).toEqual([...Array<string>(20).fill('applied'), 'refused', 'applied'])
  })

  it('those of a user without any right are all refused', async () => {
    const nobody = allowed(20).map(each => ({
      ...each,
      compare: [],
      success: [{ type: 'put' as const, key: '/denied/y', value: 'v' }],
    }))
    expect(await commits(nobody)).toEqual(Array(20).fill('refused'))
  })

  it('those without a user are all refused', async () => {
    await store.close()
    store = new EtcdStore({ endpoints: server.endpoints, callTimeoutMs: 5_000, failover: true })
    const ends = await Promise.allSettled(allowed(20).map(each => store.commit(each)))
    for (const end of ends) {
      expect(end).toMatchObject({ reason: { message: expect.stringMatching('user name is empty') } })
    }
  })
})

describe('behind a proxy', () => {
  let proxy: TcpProxy
  beforeEach(async () => {
    proxy = await TcpProxy.to(server.endpoint)
    store = new EtcdStore({ endpoints: [proxy.endpoint], callTimeoutMs: 1_000, failover: true, auth })
    await put('/allowed/a')
  })
  afterEach(() => proxy.close())

  it('connections that are lost without a word are replaced, that of the authentication, too', async () => {
    proxy.lose()
    await expect(put('/allowed/a')).rejects.toMatchObject({ reason: 'unreachable' })
    await eventually(() => put('/allowed/a'))
  }, 20_000)

  it('no connection is left after the end', async () => {
    expect(proxy.open).toBeGreaterThan(0)
    await store.close()
    await eventually(() => expect(proxy.open).toBe(0))
  }, 20_000)
})

it('a token that has expired is renewed in the call that finds out', async () => {
  await put('/allowed/a')
  // Nothing tells that a token has expired, and to ask would renew it.
  await new Promise(resolve => setTimeout(resolve, TOKEN_TTL * 1000 + 1_000))
  await Promise.all([put('/allowed/a'), put('/allowed/b')])
}, 15_000)

it('a wrong password is refused in words that do not repeat it', async () => {
  const wrong = { ...auth, password: 'wrong-password' }
  store = new EtcdStore({ endpoints: server.endpoints, callTimeoutMs: 5_000, failover: true, auth: wrong })
  const error = await put('/allowed/a').catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ reason: 'refused', message: expect.stringMatching(/authentication failed/) })
  expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(wrong.password)
})
