import { expect, it } from '@jest/globals'
import { Lease, RENEWALS_PER_TTL, sentNow } from '../../../lib/lock/leases/lease.js'
import { LeaseKeeper } from '../../../lib/lock/leases/lease-keeper.js'
import { Alarms } from '../../../lib/time/alarms.js'
import { ManualClock } from '../../support/manual-clock.js'

const TTL = 30
const DUE_MS = (TTL * 1000) / RENEWALS_PER_TTL
const LEASES = 100

class RandomClock extends ManualClock {
  override random(): number {
    return Math.random()
  }
}

it('leases that were renewed at one moment, as after a pause, are renewed one by one, none late', () => {
  const clock = new RandomClock()
  const start = clock.monotonic()
  const renewedAt: number[] = []
  const renew = (): Promise<boolean> => {
    renewedAt.push(clock.monotonic() - start)
    return new Promise(() => {})
  }
  const user = { onLeaseLost: () => {} }
  const alarms = new Alarms(clock)
  for (let id = 0; id < LEASES; id++)
    new LeaseKeeper({ alarms, renew }, new Lease(String(id), TTL, TTL, clock, sentNow(clock)), user)
  clock.pass(DUE_MS)
  expect(renewedAt).toHaveLength(LEASES)
  const together = renewedAt.map(
    at => renewedAt.filter(each => each >= at && each < at + DUE_MS / 100).length,
  )
  expect(Math.max(...together)).toBeLessThan(LEASES / 2)
})
