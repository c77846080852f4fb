import type { Transaction } from '../../../lib/kv/transaction.js'
import { Lease, sentNow } from '../../../lib/lock/leases/lease.js'
import type { Clock } from '../../../lib/time/clock.js'
import { LeasePool } from '../../../lib/lock/leases/lease-pool.js'
import { KeyLocks } from '../../../lib/model/key-locks.js'
import { Timestamp } from '../../../lib/model/timestamp.js'
import type { Leases, Store } from '../../../lib/store/store.js'
import { isStoreError } from '../../../lib/store/store-error.js'
import { GUARDED } from './guarded-write.js'

/** A known mistake of lock implementations, to see that the simulation finds it. */
export interface Mistake {
  /** Of a run from which it is found soon, where it is found in few: 1 when not given. */
  readonly seed?: number
  /** What a process uses in place of its link to etcd. */
  wrap?(store: Store): Store
  /** Puts the mistake into the code under test, until the result is called. */
  make?(): () => void
}

export const mistakes = {
  'a transaction without an answer is sent again': {
    seed: 1487,
    wrap: store => ({
      ...whole(store),
      commit: transaction =>
        store.commit(transaction).catch((error: unknown) => {
          if (!isStoreError(error, 'unreachable')) throw error
          return store.commit(transaction)
        }),
    }),
  },
  'a lease counts from the answer': {
    seed: 26,
    make: () => {
      const { prototype } = LeasePool
      const right = Object.getOwnPropertyDescriptors(prototype)
      prototype.renew = async function (lease) {
        const { leases, clock } = insides(this)
        const ttl = await leases.renew(lease.id)
        if (ttl > 0) lease.renewed(sentNow(clock))
        return ttl > 0
      }
      prototype.borrow = async function (ttl) {
        const { leases, clock } = insides(this)
        const granted = await leases.grant(ttl)
        return new Lease(granted.id, ttl, granted.ttl, clock, sentNow(clock))
      }
      return () => void Object.defineProperties(prototype, { borrow: right.borrow, renew: right.renew })
    },
  },
  'a watch loses an event now and then': {
    seed: 490,
    wrap: store => {
      let events = 0
      return {
        ...whole(store),
        watch: (range, listener) =>
          store.watch(range, {
            onEvents: news => {
              if (++events % 5 !== 0) listener.onEvents(news)
            },
            onGap: () => listener.onGap(),
            onEnd: error => listener.onEnd(error),
          }),
      }
    },
  },
  'nobody tells that a watch has missed events': {
    seed: 1110,
    wrap: store => ({
      ...whole(store),
      watch: (range, listener) =>
        store.watch(range, {
          onEvents: news => listener.onEvents(news),
          onGap: () => {},
          onEnd: error => listener.onEnd(error),
        }),
    }),
  },
  'a guarded write is not guarded': {
    seed: 38,
    wrap: store => ({
      ...whole(store),
      commit: transaction =>
        store.commit(isGuarded(transaction) ? { ...transaction, compare: [] } : transaction),
    }),
  },
  'a grant overwrites what others have written': {
    wrap: store => ({
      ...whole(store),
      commit: ({ compare, ...rest }) =>
        store.commit({ ...rest, compare: compare.filter(({ target }) => target !== 'mod') }),
    }),
  },
  'an entry without its holder key is waited for until its time is over': {
    seed: 387,
    make: () => {
      const { prototype } = KeyLocks
      const right = Object.getOwnPropertyDescriptor(prototype, 'expired')!
      prototype.expired = function ({ now = Timestamp.now(), alive } = {}) {
        return [...this.locks.values()].filter(lock => !alive?.has(lock.uuid) && lock.expiresAt.isBefore(now))
      }
      return () => void Object.defineProperty(prototype, 'expired', right)
    },
  },
} satisfies Record<string, Mistake>

function whole(store: Store): Store {
  return {
    commit: transaction => store.commit(transaction),
    watch: (range, listener) => store.watch(range, listener),
    leases: store.leases,
    close: () => store.close(),
  }
}

function insides(pool: LeasePool): { leases: Leases; clock: Clock } {
  return { leases: pool['leases'], clock: pool['clock'] }
}

function isGuarded({ success }: Transaction): boolean {
  return success.some(op => op.type === 'put' && op.key.startsWith(GUARDED))
}
