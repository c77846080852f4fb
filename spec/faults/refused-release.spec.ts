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

describe('A release keeps nobody waiting that etcd refuses,', () => {
  it('since it has no space left', async () => {
    const admin = new Etcd3({ hosts: etcd.get().endpoint })
    const setAlarm = (action: AlarmAction) =>
      admin.maintenance.alarm({ action, memberID: 0, alarm: AlarmType.Nospace })
    try {
      await expectFree(open('us'), open('others'), async release => {
        await setAlarm(AlarmAction.Activate)
        await release()
        await setAlarm(AlarmAction.Deactivate)
      })
    } finally {
      admin.close()
    }
  })

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
