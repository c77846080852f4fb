import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { AlarmAction, AlarmType, Etcd3, Range } from 'etcd3'
import type { Lock } from '../../lib/index.js'
import { eventually } from '../support/eventually.js'
import { freshName, lockAt, useEtcdServer } from '../support/etcd.js'

const etcd = useEtcdServer()
const permit = { concurrency: 2, ttl: 300 }
let name: string
let locks: Lock[]

beforeEach(() => {
  name = freshName()
  locks = []
})
afterEach(() => Promise.all(locks.map(lock => lock.close())))

function open(owner: string, auth: object = {}): Lock {
  const config = { endpoints: [etcd.get().endpoint], ...auth }
  const lock = lockAt(etcd.get().endpoint, { owner, config })
  locks.push(lock)
  return lock
}

/** Of two permits, one is released while etcd refuses that; and the third to come gets it at once. */
async function expectFree(us: Lock, others: Lock, refused: (release: () => Promise<void>) => Promise<void>) {
  const held = await us.hold(name, permit)
  const theirs = await others.acquire(name, permit)
  await refused(async () => {
    await held.release()
    await eventually(async () => expect((await others.inspect(name)).holders).toHaveLength(1))
  })
  // It was refused: the entry is there.
  expect([...(await others.get(name)).locks.keys()]).toEqual([held.id, theirs])
  const next = await others.acquire(name, { ...permit, wait: 0 })
  expect([...(await others.get(name)).locks.keys()]).toEqual([theirs, next])
}

/** While etcd takes no put, as if its space were used up. */
async function whileFull(work: () => Promise<void>): Promise<void> {
  const admin = new Etcd3({ hosts: etcd.get().endpoint })
  const setAlarm = (action: AlarmAction) =>
    admin.maintenance.alarm({ action, memberID: 0, alarm: AlarmType.Nospace })
  try {
    await setAlarm(AlarmAction.Activate)
    await work()
  } finally {
    await setAlarm(AlarmAction.Deactivate)
    admin.close()
  }
}

describe('A full etcd takes the release of a sole holder', () => {
  const sole = { concurrency: 1, ttl: 30 }

  it.each([
    ['a lock', (us: Lock, names: readonly string[]) => us.hold(names[0]!, { ...sole, wait: 60 })],
    [
      'several',
      (us: Lock, names: readonly string[]) =>
        us.acquireAll(
          names.map(each => ({ name: each, ...sole })),
          { wait: 60 },
        ),
    ],
  ])('of %s, though it can grant it to nobody, and take no tickets along', async (_, take) => {
    const us = open('us')
    const held = await take(us, [name, `${name}-second`])
    const settled: Promise<unknown>[] = [take(us, [name, `${name}-second`]).catch(() => {})]
    await eventually(async () => expect((await us.inspect(name)).waiters).toHaveLength(1))
    await whileFull(async () => {
      settled.push(take(us, [name, `${name}-third`]).catch(() => {}))
      expect(await held.release()).toBe(true)
      const { holders } = await us.inspect(name)
      expect(holders).toEqual([])
    })
    await us.close()
    await Promise.all(settled)
  })
})

describe('A release keeps nobody waiting that etcd refuses,', () => {
  it('since it has no space left', () => expectFree(open('us'), open('others'), whileFull))

  describe('since its user may not write', () => {
    const root = { username: 'root', password: 'secret' }
    const user = { username: 'user', password: 'secret' }
    const allow = (permission: 'Read' | 'Readwrite', under: string) => ({
      permission,
      range: Range.prefix(`/spicerack/locks/${under}`),
    })
    let admin: Etcd3

    beforeAll(async () => {
      admin = new Etcd3({ hosts: etcd.get().endpoint })
      await admin.role('root').create()
      await (await admin.user('root').create(root.password)).addRole('root')
      const role = await admin.role('user').create()
      await role.grant(['custom/', 'holders/', 'etcd/', 'relukko/'].map(under => allow('Readwrite', under)))
      await (await admin.user('user').create(user.password)).addRole('user')
      await admin.auth.authEnable()
      admin.close()
      admin = new Etcd3({ hosts: etcd.get().endpoint, auth: root })
    })
    afterAll(() => admin.close())

    it('the KeyLocks', async () => {
      await expectFree(open('us', user), open('others', root), async release => {
        await admin.role('user').grant(allow('Read', 'custom/'))
        await release()
      })
    })
  })
})
