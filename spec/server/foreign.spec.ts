import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { WebSocket } from 'ws'
import { Lock } from '../../lib/index.js'
import { newLockId } from '../../lib/model/lock-ids.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import { RelukkoServer } from '../../lib/server/server.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { eventually } from '../support/eventually.js'
import { freshName } from '../support/etcd.js'

const KEY = 'a secret of the test'
const ID = '4734a179-0062-436d-a9d5-4cf0c24a12d7'
const entry = { concurrency: 1, created: '2023-07-16 16:46:52+00:00', owner: 'Python', ttl: 9e9 }
const store = new MemoryStore()
const native = new Lock({ store, prefix: 'custom', owner: 'us', dryRun: false })
let server: RelukkoServer
let url: string
let name: string

beforeAll(async () => {
  server = await RelukkoServer.create({ store, apiKeys: { test: KEY } })
  url = await server.listen({ port: 0 })
})
afterAll(async () => {
  await native.close()
  await server.close()
  await store.close()
})
beforeEach(() => {
  name = freshName()
})
afterEach(async () => {
  for (const range of LockKey.allUnder('custom'))
    await store.commit({ compare: [], success: [{ type: 'delete', ...range }], failure: [] })
})

const put = (key: string, value: string): Promise<unknown> =>
  store.commit({ compare: [], success: [{ type: 'put', key, value }], failure: [] })
const write = (value: unknown, at = name): Promise<unknown> =>
  put(new LockKey('custom', at).path, typeof value === 'string' ? value : JSON.stringify(value))
async function get(path: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(url + path, { headers: { 'x-api-key': KEY } })
  return { status: answer.status, body: await answer.json() }
}

/** What Spicerack reads. */
it.each<[string, object, object]>([
  ['no owner', { owner: '' }, { owner: '' }],
  ['a ttl with a fraction', { ttl: 1e9 + 0.5 }, { ttl: 1e9 + 0.5 }],
  ['a ttl longer than any lease', { ttl: 1e300 }, { ttl: 1e300 }],
  ['a ttl longer than any time', { ttl: Number.MAX_VALUE }, { ttl: Number.MAX_VALUE }],
  ['a limit with a fraction', { concurrency: 1.5 }, { concurrency: 1.5 }],
  ['a day without a time', { created: '2023-07-16' }, { since: '2023-07-16T00:00:00.000000Z' }],
  [
    'an offset with seconds',
    { created: '2023-07-16 16:46:52+00:00:52' },
    { since: '2023-07-16T16:46:00.000000Z' },
  ],
  ['the last day', { created: '9999-12-31 00:00:00+00:00' }, { since: '9999-12-31T00:00:00.000000Z' }],
  ['no year of UTC', { created: '9999-12-31 23:59:59-01:00' }, { since: '9999-12-31T23:59:59.999999Z' }],
])('an entry with %s is shown to everybody, as it is', async (_, change, shown) => {
  await write({ [ID]: { ...entry, ...change } })
  const holders = [{ id: ID, owner: 'Python', ttl: 9e9, concurrency: 1, fencing_token: null, ...shown }]
  expect(await get('/v2/locks')).toMatchObject({ status: 200, body: [{ name, holders }] })
  expect(await get(`/v2/locks/custom/${name}`)).toMatchObject({ status: 200, body: { holders } })
  expect(await get('/v1/locks')).toMatchObject({ status: 200, body: [{ id: ID, lock_name: name }] })
  expect(await get(`/v1/locks/${ID}`)).toMatchObject({
    status: 200,
    body: { expires_at: expect.stringMatching(/^\d{4}-/) },
  })
  expect(await native.list()).toMatchObject([{ name, holders: [{ id: ID }] }])
})

it('an entry that its holder renews, with a ttl longer than any time, lasts for the longest time that can be printed', async () => {
  const endless = { ...entry, ttl: 1e18 }
  await write({ [ID]: endless })
  await put(new LockKey('custom', name).holder(ID), JSON.stringify({ ...endless, renewed: true }))
  const shown = { id: ID, lock_name: name, expires_at: '9999-12-31T23:59:59.999999Z' }
  expect(await get('/v1/locks')).toMatchObject({ status: 200, body: [shown] })
  expect(await get(`/v1/locks/${ID}`)).toMatchObject({ status: 200, body: shown })
})

it('an entry under an id that is no UUID is shown to all but Relukko’s clients, who could not read the list', async () => {
  const other = freshName()
  await write({ 'by hand': entry })
  await write({ [ID]: entry }, other)
  expect(await get('/v1/locks')).toMatchObject({ status: 200, body: [{ id: ID }] })
  expect(await get(`/v2/locks/custom/${name}`)).toMatchObject({ body: { holders: [{ id: 'by hand' }] } })
  expect((await native.inspect(name)).holders).toMatchObject([{ id: 'by hand' }])
})

it('what cannot be read is said to be so, and spoils nothing else', async () => {
  const other = freshName()
  await write({ [ID]: { ...entry, created: 'yesterday' } })
  await write({ [ID]: entry }, other)
  const problem = expect.stringContaining('"yesterday"') as unknown
  expect(await get('/v1/locks')).toMatchObject({ status: 200, body: [{ id: ID, lock_name: other }] })
  expect((await get('/v2/locks')).body).toContainEqual(
    expect.objectContaining({ name, problem, holders: [] }),
  )
  expect(await get(`/v2/locks/custom/${name}`)).toMatchObject({ status: 200, body: { problem } })
  expect(await native.list()).toContainEqual(expect.objectContaining({ name, problem }))
})

it('an entry stays as it was when others come and go beside it', async () => {
  const foreign = {
    ...entry,
    concurrency: 0,
    owner: '',
    ttl: 1e10 + 0.5,
    created: '9999-12-31 23:59:59-01:00',
  }
  await write({ [ID]: foreign })
  const held = await native.hold(name, { concurrency: 0, ttl: 60 })
  await held.extend(90)
  await native.release(name, held.id)
  const range = { type: 'range' as const, key: new LockKey('custom', name).path }
  const { results } = await store.commit({ compare: [], success: [range], failure: [] })
  expect(JSON.parse(results[0]![0]!.value)).toEqual({ [ID]: foreign })
})

it('what others write beside our holder keys ends no feed', async () => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/broadcast`, { headers: { 'x-api-key': KEY } })
  const told: string[] = []
  socket.on('message', (data: Buffer) => told.push(String(data)))
  await new Promise(resolve => socket.once('open', resolve))
  const odd = [
    { ...entry, created: '9999-12-31 23:59:59+00:00' },
    { ...entry, ttl: 1e300 },
    { ...entry, ttl: 'long' },
  ]
  const hold = (id: string, terms: object) =>
    put(new LockKey('custom', name).holder(id), JSON.stringify({ id, ...terms }))
  for (const terms of odd) await hold(newLockId(), terms)
  await hold('no UUID', entry)
  const last = newLockId()
  await hold(last, entry)
  await eventually(() => expect(told.join('')).toContain(last))
  expect(told.join('')).not.toContain('no UUID')
  socket.close()
})
