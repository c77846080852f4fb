import { describe, expect, it } from '@jest/globals'
import { ago, duration, jsonOf, left, localTime, table } from '../../lib/cli/io/format.js'
import { Timestamp } from '../../lib/model/timestamp.js'

const since = Timestamp.parse('2026-01-02T03:04:05.678901Z')

describe('duration', () => {
  it.each([
    [0, '0s'],
    [0.4, '0s'],
    [59.6, '1m'],
    [200, '3m 20s'],
    [3_600, '1h'],
    [3_601, '1h'],
    [90_061, '1d 1h'],
    [86_400 * 400, '400d'],
  ])('tells %d seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text))
})

describe('ago', () => {
  it('tells how long ago a time was', () => expect(ago(since, since.plusSeconds(61))).toBe('1m 1s ago'))
  it('is not confused by a clock that runs ahead', () =>
    expect(ago(since, since.plusSeconds(-61))).toBe('0s ago'))
})

describe('localTime', () => {
  it('tells the same instant, to the second, with an offset', () => {
    const text = localTime(since)
    expect(text).toMatch(/^2026-01-0\dT\d\d:\d\d:05(Z|[+-]\d\d:\d\d)$/)
    expect(Date.parse(text)).toBe(Date.parse('2026-01-02T03:04:05Z'))
  })
})

describe('table', () => {
  it('aligns columns without borders, colours and trailing spaces', () => {
    expect(table(['A', 'B'], [['long cell', 'b']])).toBe('A          B\nlong cell  b')
  })

  it('shows what could steer the terminal as a replacement character', () => {
    expect(table(['A'], [['\u001b[31mred\u0007\nline']])).toBe('A\n\ufffd[31mred\ufffd\ufffdline')
  })
})

describe('left', () => {
  it('says how long a holding lasts, and whether it is renewed', () => {
    expect(left({ remaining: 62, renewed: false })).toBe('1m 2s')
    expect(left({ remaining: 2, renewed: true })).toBe('2s, renewed')
  })
})

describe('jsonOf', () => {
  it('tells times in RFC 3339 and the fencing token as text', () => {
    const holder = {
      id: 'i',
      owner: 'o',
      since,
      remaining: 1.5,
      renewed: true,
      concurrency: 1,
      ttl: 60,
      fencingToken: 2n ** 60n,
    }
    const state = { prefix: 'p', name: 'n', key: 'k', holders: [holder], waiters: [] }
    expect(jsonOf(state)).toMatchObject({
      holders: [
        {
          since: '2026-01-02T03:04:05.678901Z',
          remaining: 1.5,
          renewed: true,
          fencingToken: '1152921504606846976',
        },
      ],
    })
  })
})
