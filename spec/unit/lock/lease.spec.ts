import { beforeEach, describe, expect, it } from '@jest/globals'
import { Lease, sentNow } from '../../../lib/lock/leases/lease.js'
import { LeasePool } from '../../../lib/lock/leases/lease-pool.js'
import type { Leases } from '../../../lib/store/store.js'
import { ManualClock } from '../../support/manual-clock.js'

const TTL = 10
/** Milliseconds that each call to etcd takes. */
const CALL = 3_000
let clock: ManualClock

beforeEach(() => {
  clock = new ManualClock()
})

const slowly = <T>(answer: T): Promise<T> => {
  clock.pass(CALL)
  return Promise.resolve(answer)
}
const leases: Leases = {
  grant: ttl => slowly({ id: '7', ttl }),
  renew: () => slowly(TTL),
  remaining: () => slowly({ ttl: TTL, left: 7 }),
  revoke: () => slowly(undefined),
}

const fresh = (): Lease => new Lease('7', TTL, TTL, clock, sentNow(clock))

describe('what remains of a lease', () => {
  it('is less than its ttl by a margin, and goes by with time', () => {
    const lease = fresh()
    expect(lease.remaining).toBe(TTL * 1000 - 60)
    clock.pass(4_000)
    expect(lease.remaining).toBe(TTL * 1000 - 60 - 4_000)
  })

  it('does not mind that the wall clock is set', () => {
    const lease = fresh()
    clock.pass(4_000)
    for (const step of [60_000, -3_600_000]) {
      clock.wall += step
      expect(lease.remaining).toBe(TTL * 1000 - 60 - 4_000)
    }
  })

  it('of another process is what etcd says, from before it was asked', async () => {
    const lease = (await new LeasePool(leases, clock).learn('7'))!
    expect(lease.remaining).toBe(7_000 - 60 - CALL)
    expect(lease.ttl).toBe(TTL)
  })

  it.each<[string, (pool: LeasePool) => Promise<Lease>]>([
    ['granted', pool => pool.borrow(TTL)],
    ['adopted', async pool => (await pool.adopt('7'))!],
    [
      'renewed',
      async pool => {
        const lease = fresh()
        clock.pass(5_000)
        await pool.renew(lease)
        return lease
      },
    ],
  ])('counts from before the call by which it was %s', async (_, get) => {
    const { remaining } = await get(new LeasePool(leases, clock))
    expect(remaining).toBe(TTL * 1000 - 60 - CALL)
  })
})

describe('the pool', () => {
  it('forgets leases that have ended, of however many ttl', async () => {
    let revoked = 0
    const revoke = (): Promise<void> => Promise.resolve(void revoked++)
    const pool = new LeasePool({ ...leases, revoke }, clock)
    for (let ttl = 1; ttl <= 2_000; ttl++) {
      pool.return(new Lease(String(ttl), ttl, ttl, clock, sentNow(clock)))
      clock.pass(2_001_000)
    }
    await pool.close()
    expect(revoked).toBeLessThanOrEqual(256)
  })

  it('revokes thousands of idle leases a few at a time, and all of them, when it is closed', async () => {
    const [underWay, revoked] = [new Set<string>(), new Set<string>()]
    let most = 0
    const revoke = async (id: string): Promise<void> => {
      most = Math.max(most, underWay.add(id).size)
      await new Promise(setImmediate)
      underWay.delete(id)
      revoked.add(id)
    }
    const pool = new LeasePool({ ...leases, revoke }, clock)
    for (let id = 0; id < 2_000; id++) pool.return(new Lease(String(id), TTL, TTL, clock, sentNow(clock)))
    await pool.close()
    expect(revoked.size).toBe(2_000)
    expect(most).toBe(64)
  })

  it('forgets those that have ended below the few that are borrowed again and again', async () => {
    let revoked = 0
    const revoke = (): Promise<void> => Promise.resolve(void revoked++)
    const pool = new LeasePool({ ...leases, revoke }, clock)
    const crowd = Array.from({ length: 2_000 }, fresh)
    for (const lease of crowd) pool.return(lease)
    clock.pass(2 * TTL * 1000)
    for (let use = 0; use < 4_000; use++) {
      pool.return(new Lease(String(use), TTL, TTL, clock, sentNow(clock)))
      expect(pool.borrowIdle(TTL)).toBeDefined()
    }
    await pool.close()
    expect(revoked).toBe(0)
  })
})
