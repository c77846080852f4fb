import { afterEach, beforeEach, expect, it, jest } from '@jest/globals'
import { Member } from '../../../lib/store/etcd/member.js'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

it.each([
  [3_600_000, 10_000],
  [2_000, 2_000],
])(
  'a member that is silent has failed, where calls may take %i ms, after %i ms',
  async (callTimeoutMs, ms) => {
    const member = new Member('http://127.0.0.1:1', { endpoints: [], callTimeoutMs, failover: true })
    const asked = expect(member.ping()).rejects.toThrow(`no answer within ${ms / 1000} s`)
    // Before anything could come from the network.
    jest.advanceTimersByTime(ms)
    await asked
    member.close('the test is over')
  },
)
