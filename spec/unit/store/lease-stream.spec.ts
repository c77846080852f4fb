import { afterEach, beforeEach, expect, it, jest } from '@jest/globals'
import type { Connection } from '../../../lib/store/etcd/connection.js'
import { LeaseStream } from '../../../lib/store/etcd/lease-stream.js'

const LONGEST_MS = 10_000
/** For how long an answer was expected, each time that this began. */
let expected: number[]
let stream: LeaseStream

beforeEach(() => {
  jest.useFakeTimers()
  expected = []
  // Of etcd nothing is heard.
  stream = new LeaseStream(
    {
      onFailure: () => {},
      assertOpen: () => {},
      doubt: () => {},
      contact: () => new Promise(() => {}),
      expectAnswer: (_: unknown, ms: number) => {
        expected.push(ms)
        return () => {}
      },
    } as unknown as Connection,
    LONGEST_MS,
  )
})
afterEach(() => {
  stream.close()
  jest.useRealTimers()
})

const renew = (id: string, ms: number): Promise<unknown> => {
  const renewed = stream.renew(id, ms)
  renewed.catch(() => {})
  return renewed
}

it('the member is checked at the pace of the renewal that has least time, though another is due before', () => {
  void renew('1', 2_000)
  jest.advanceTimersByTime(1_800)
  void renew('2', 640)
  expect(expected).toStrictEqual([2_000, 640])
})

it('each renewal fails when its own time is over, and the others go on on another stream', async () => {
  const ended: string[] = []
  const long = renew('1', 5_000)
  const short = renew('2', 640)
  long.catch(() => ended.push('long'))
  short.catch(() => ended.push('short'))
  await jest.advanceTimersByTimeAsync(639)
  expect(ended).toStrictEqual([])
  await jest.advanceTimersByTimeAsync(1)
  expect(ended).toStrictEqual(['short'])
  await jest.advanceTimersByTimeAsync(4_359)
  expect(ended).toStrictEqual(['short'])
  await jest.advanceTimersByTimeAsync(1)
  expect(ended).toStrictEqual(['short', 'long'])
  await expect(short).rejects.toThrow('did not renew a lease within 640 ms')
  await expect(long).rejects.toThrow('did not renew a lease within 5000 ms')
})

it('a renewal for which no time is left fails at once, and leaves the stream to the others', async () => {
  const long = renew('1', 5_000)
  const ended: string[] = []
  long.catch(() => ended.push('long'))
  await expect(renew('2', -1)).rejects.toThrow('did not renew a lease within 0 ms')
  await expect(renew('3', 0)).rejects.toThrow('did not renew a lease within 0 ms')
  await jest.advanceTimersByTimeAsync(1_000)
  expect([ended, expected]).toStrictEqual([[], [5_000]])
})
