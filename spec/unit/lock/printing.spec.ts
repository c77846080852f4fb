import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Held, Lock, type LockEvent, NoLock, type WaitStatus } from '../../../lib/index.js'
import { ConcurrentLock } from '../../../lib/model/concurrent-lock.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import { RelukkoAdapter, RelukkoClient } from '../../../lib/relukko/index.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { eventually } from '../../support/eventually.js'

const SECRET = 'hunter2'
const store = new MemoryStore()
const lock = new Lock({ store, prefix: 'custom', owner: 'me', dryRun: false })
const terms = { concurrency: 1, ttl: 60 }

afterAll(async () => {
  await lock.close()
  await store.close()
})

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const lines = (value: unknown): number => inspect(value).split('\n').length

describe('what holds secrets', () => {
  const config = { endpoints: ['http://127.0.0.1:1'], username: 'root', password: SECRET }
  it.each<[string, object, object]>([
    [
      'Lock',
      new Lock({ config, prefix: 'custom', owner: 'me', dryRun: false }),
      { prefix: 'custom', owner: 'me', dryRun: false },
    ],
    ['NoLock', new NoLock(), { dryRun: true }],
    ['RelukkoAdapter', new RelukkoAdapter({ config }), { prefix: 'custom' }],
    [
      'RelukkoClient',
      new RelukkoClient('http://127.0.0.1:1', SECRET, { headers: { authorization: SECRET } }),
      { baseUrl: 'http://127.0.0.1:1' },
    ],
  ])('%s prints small, and without them', (name, printed, expected) => {
    expect(json(printed)).toEqual(expected)
    expect(inspect(printed, { depth: 9 })).not.toContain(SECRET)
    expect(inspect({ printed })).toMatch(new RegExp(`printed: ${name} \\{`))
    expect(lines(printed)).toBeLessThan(5)
  })
})

describe.each<[string, () => Promise<Held>, object]>([
  [
    'one lock',
    () => lock.hold('printed', terms),
    { name: 'printed', key: '/spicerack/locks/custom/printed' },
  ],
  [
    'several locks',
    () => lock.acquireAll(['a', 'b'].map(name => ({ name, ...terms }))),
    { names: ['a', 'b'], keys: ['/spicerack/locks/custom/a', '/spicerack/locks/custom/b'] },
  ],
  [
    'a dry run',
    () => new Lock({ store, prefix: 'custom', owner: 'me', dryRun: true }).hold('dry', terms),
    { name: 'dry', dryRun: true },
  ],
])('a handle of %s', (_, hold, expected) => {
  it('prints small, what it is and how it stands', async () => {
    const held = await hold()
    const { id, fencingToken } = held
    const shown = { ...expected, id, owner: 'me', fencingToken: String(fencingToken) }
    expect(json(held)).toMatchObject({ ...shown, state: 'held', deadline: expect.stringContaining('T') })
    expect(inspect(held)).toContain(`fencingToken: ${fencingToken}n`)
    expect(lines(held)).toBeLessThan(16)
    await held.release()
    expect(json(held)).toMatchObject({ ...shown, state: 'released' })
  })

  it('says of what it released itself that it did', async () => {
    const held = await hold()
    await held.release()
    const said = expect.objectContaining({ code: 'LOCK_LOST', reason: 'released' })
    expect(() => held.assertHeld()).toThrow(said)
    await expect(held.verify()).rejects.toEqual(said)
    await expect(held.extend(60)).rejects.toEqual(said)
    await expect(held.guard({ success: [] })).rejects.toEqual(said)
  })
})

describe('what is told of locks', () => {
  it('an entry prints as what stands in etcd', () => {
    const entry = new ConcurrentLock({
      uuid: 'a',
      concurrency: 1,
      owner: 'me',
      ttl: 5,
      created: new Timestamp(0n),
    })
    expect(inspect(entry, { breakLength: Infinity })).toBe(
      "ConcurrentLock { uuid: 'a', concurrency: 1, created: '1970-01-01 00:00:00+00:00', owner: 'me', ttl: 5 }",
    )
  })

  let held: Held
  let event: LockEvent
  let status: WaitStatus
  beforeAll(async () => {
    held = await lock.hold('told', terms)
    const events = lock.events('happening')
    void events.next().then(({ value }) => (event = value as LockEvent))
    await eventually(async () => {
      await (await lock.hold('happening', terms)).release()
      expect(event).toBeDefined()
    })
    await events.return()
    await lock.acquire('told', { ...terms, wait: 0.1, onWait: told => void (status = told) }).catch(() => {})
  })

  it('is JSON, with tokens as decimal strings', async () => {
    const fencingToken = String(held.fencingToken)
    const state = {
      name: 'told',
      holders: [{ id: held.id, fencingToken, since: expect.stringContaining('T') }],
    }
    expect(json(await lock.inspect('told'))).toMatchObject(state)
    expect(json(await lock.list())).toContainEqual(expect.objectContaining({ name: 'told' }))
    expect(json((await lock.inspect('told')).holders)).toMatchObject(state.holders)
    expect(json(status)).toMatchObject({ ...state, place: 1 })
    expect(json(event)).toMatchObject({ name: 'happening', revision: String(event.revision) })
    expect(json(await held.guard({ success: [] }))).toMatchObject({
      succeeded: true,
      revision: expect.stringMatching(/^\d+$/),
    })
  })

  it('has no more fields by that than it says', async () => {
    expect(Object.keys(event)).not.toContain('toJSON')
    expect({ ...(await lock.inspect('told')) }).not.toHaveProperty('toJSON')
  })

  it('is JSON when it is an error', async () => {
    await lock.release('told', held.id)
    const loss = await held.verify().catch((error: unknown) => error)
    const { message, key, fencingToken } = loss as { message: string; key: string; fencingToken: bigint }
    expect(json(loss)).toMatchObject({
      name: 'LockLostError',
      code: 'LOCK_LOST',
      message,
      key,
      reason: 'released-elsewhere',
      fencingToken: String(fencingToken),
    })
    expect(json(held)).toMatchObject({ state: 'lost', reason: 'released-elsewhere' })
  })
})

it('times and entries print as what they are', () => {
  const created = Timestamp.parse('2023-07-16 16:46:52.161053')
  expect(inspect({ created })).toBe('{ created: 2023-07-16T16:46:52.161053Z }')
  const dict = { concurrency: 1, created: String(created), owner: 'me', ttl: 60 }
  expect(json(ConcurrentLock.fromDict('id', dict))).toEqual({ uuid: 'id', ...dict })
})

describe('of an owner and a reason with lines of their own, one line is told', () => {
  const forger = new Lock({ store, prefix: 'custom', owner: 'me\n2 holders:\n    you', dryRun: false })
  const force = { reason: 'fire\nfire' }
  afterAll(() => forger.close())

  it('by who waits in vain, and by whom force sends away', async () => {
    const held = await forger.hold('forged', terms)
    const waiting = forger.acquire('forged', terms).catch((error: Error) => error)
    await eventually(async () => expect((await lock.inspect('forged')).waiters).toHaveLength(1))
    const unavailable = await lock.acquire('forged', { ...terms, wait: 0 }).catch((error: unknown) => error)
    expect((unavailable as Error).message.split('\n')).toEqual([
      expect.stringContaining('is not available to me with'),
      '1 holder:',
      expect.stringContaining(': me\ufffd2 holders:\ufffd    you (concurrency 1)'),
      '1 waiter:',
      expect.stringContaining(': me\ufffd2 holders:'),
    ])
    const [waiter] = (await lock.inspect('forged')).waiters
    await forger.forceRelease('forged', waiter!.id, force)
    expect(await waiting).toMatchObject({ ...force, message: expect.stringContaining('fire\ufffdfire') })
    await forger.forceRelease('forged', held.id, force)
    await eventually(() =>
      expect(held.signal.reason).toMatchObject({ message: expect.stringContaining('fire\ufffdfire') }),
    )
  })
})
