import { describe, expect, it } from '@jest/globals'
import type { Store, WatchListener } from '../../../lib/store/store.js'
import { StoreError } from '../../../lib/store/store-error.js'
import { MemoryStore } from '../../../lib/store/memory/memory-store.js'
import { storeContract } from '../../../lib/testing/index.js'

/** A right store, but for some methods. */
function wrong(change: (right: MemoryStore) => Partial<Store>): Store {
  const right = new MemoryStore()
  return {
    commit: transaction => right.commit(transaction),
    watch: (ranges, listener) => right.watch(ranges, listener),
    leases: right.leases,
    close: () => right.close(),
    ...change(right),
  }
}

function oneByOne(listener: WatchListener): WatchListener {
  return { ...listener, onEvents: events => events.forEach(event => listener.onEvents([event])) }
}

describe('The contract of a store', () => {
  it.each<[string, (right: MemoryStore) => Partial<Store>, string]>([
    [
      'always runs the first branch',
      right => ({ commit: transaction => right.commit({ ...transaction, compare: [] }) }),
      'a transaction: runs the failure branch, whole and alone, when one compare fails',
    ],
    [
      'keeps the keys of a lease that is revoked',
      right => ({ leases: { ...right.leases, revoke: () => Promise.resolve() } }),
      'a lease: deletes the keys of a revoked lease, and no others',
    ],
    [
      'renews leases that are gone',
      right => ({ leases: { ...right.leases, renew: () => Promise.resolve(60) } }),
      'a lease: renews a living lease, and says 0 for one that is gone',
    ],
    [
      'takes the id of no lease for a silence of its own',
      right => ({
        leases: {
          ...right.leases,
          revoke: id =>
            id === 'abc'
              ? Promise.reject(new StoreError('unreachable', 'not a number'))
              : right.leases.revoke(id),
        },
      }),
      'a lease: says of an id that no lease has had that there is none, or refuses it',
    ],
    [
      'tells each change in a call of its own',
      right => ({ watch: (ranges, listener) => right.watch(ranges, oneByOne(listener)) }),
      'a watch: tells every change after it is ready, in order, one call per transaction',
    ],
    [
      'answers after it was closed',
      () => ({ close: () => Promise.resolve() }),
      'a store: refuses calls after it was closed',
    ],
    [
      'tells no watch that it is closed',
      right => ({ watch: (ranges, listener) => right.watch(ranges, { ...listener, onEnd: () => {} }) }),
      'a store: tells its watches when it is closed, and those that are asked for later',
    ],
    [
      'cannot be closed again',
      right => {
        let isClosed = false
        return {
          close: async () => {
            if (isClosed) throw new StoreError('closed', 'The store is closed.')
            isClosed = true
            await right.close()
          },
        }
      },
      'a store: may be closed again',
    ],
  ])('is failed by one that %s', async (_what, change, name) => {
    const [demand] = storeContract(() => wrong(change)).filter(one => one.name === name)
    await expect(demand!.run()).rejects.toMatchObject({ code: 'ERR_ASSERTION' })
  })
})
