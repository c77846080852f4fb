import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Op } from '../../lib/kv/transaction.js'
import type { Lock } from '../../lib/index.js'
import { LockKey } from '../../lib/protocol/lock-key.js'
import type { EtcdStore } from '../../lib/store/etcd/etcd-store.js'
import { freshName, lockAt, storeAt, useEtcdServer } from '../support/etcd.js'
import { eventually } from '../support/eventually.js'

const etcd = useEtcdServer()
let store: EtcdStore
let lock: Lock

beforeEach(() => {
  store = storeAt(etcd.get().endpoint)
  lock = lockAt(etcd.get().endpoint)
})
afterEach(() => Promise.all([store, lock].map(each => each.close())))

const write = (success: readonly Op[]) => store.commit({ compare: [], success, failure: [] })
const keyOf = (name: string): LockKey => new LockKey('custom', name)
const terms = { concurrency: 0, created: '2023-07-16 16:46:52+00:00', owner: 'by hand', ttl: 60 }
/** A holder key; an orphan where the KeyLocks has no entry of this id. */
const holder = (name: string, id: string): Op => ({
  type: 'put',
  key: keyOf(name).holder(id),
  value: JSON.stringify(terms),
})
const orphansOf = async (name: string): Promise<number> => {
  const key = keyOf(name)
  const { results } = await write([
    { type: 'range', key: key.path },
    { type: 'range', ...key.holders },
  ])
  const entries = JSON.parse(results[0]![0]!.value) as object
  return results[1]!.length - Object.keys(entries).length
}

describe('More holder keys whose entries were deleted by hand than one transaction can delete', () => {
  describe('among those of 32 locks', () => {
    const request = (name: string) => ({ name, concurrency: 1, ttl: 60 })
    const [BEFORE_ALL, AFTER_ALL] = ['!', '~']
    let names: readonly string[]
    let putOrphans: readonly Op[]

    beforeEach(() => {
      const name = freshName()
      names = Array.from({ length: 32 }, (_, at) => `${name}-${at}`)
      putOrphans = names.flatMap(each => [holder(each, BEFORE_ALL), holder(each, AFTER_ALL)])
    })
    afterEach(async () => {
      expect(await Promise.all(names.map(orphansOf))).toStrictEqual(names.map(() => 0))
    })

    it.each([0, 5])('are deleted for a newcomer that waits for up to %d s', async wait => {
      await write(putOrphans)
      await lock.acquireAll(names.map(request), { wait })
    })

    it('are deleted for one that has waited', async () => {
      await lock.acquireAll(names.map(request))
      const waiting = lock.acquireAll(names.map(request), { wait: 10 })
      await eventually(async () => expect((await lock.inspect(names[0]!)).waiters).toHaveLength(1))
      await write([...putOrphans, ...names.map((name): Op => ({ type: 'delete', key: keyOf(name).path }))])
      await waiting
    })
  })

  describe('each beside one that stays, of one lock', () => {
    let name: string

    beforeEach(async () => {
      name = freshName()
      const ids = Array.from({ length: 130 }, (_, at) => `h${1_000 + at}`)
      const value = JSON.stringify(Object.fromEntries(ids.map(id => [id, terms])))
      const keyLocks: Op = { type: 'put', key: keyOf(name).path, value }
      await write(ids.slice(0, 127).map(id => holder(name, id)))
      await write(ids.slice(127).map(id => holder(name, id)))
      await write(ids.slice(0, 127).map(id => holder(name, `${id}-orphan`)))
      await write([...ids.slice(127).map(id => holder(name, `${id}-orphan`)), keyLocks])
    })

    it.each([0, 5])('are deleted for a newcomer that waits for up to %d s', async wait => {
      await lock.acquire(name, { concurrency: 0, ttl: 60, wait })
      expect(await orphansOf(name)).toBe(0)
    })
  })
})
