import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { DateTime, Settings } from 'luxon'
import { Timestamp } from '../../../lib/index.js'

const seed = 20_230_716
const first = BigInt(Date.parse('0001-01-01T00:00:00Z')) * 1_000n
const last = BigInt(Date.parse('9999-12-31T23:59:59.999Z')) * 1_000n + 999n
const instant = fc.bigInt({ min: first, max: last }).map(micros => new Timestamp(micros))

describe('Timestamp.parse', () => {
  it.each([
    ['2023-07-16 16:46:52.161053+00:00', '2023-07-16T16:46:52.161053Z'],
    ['2023-07-16 16:46:52.161053', '2023-07-16T16:46:52.161053Z'],
    ['2023-07-16 16:46:52', '2023-07-16T16:46:52.000000Z'],
    ['2023-07-16 16:46:52+00:00', '2023-07-16T16:46:52.000000Z'],
    ['2023-07-16T16:46:52.161053Z', '2023-07-16T16:46:52.161053Z'],
    ['2023-07-16T16:46:52Z', '2023-07-16T16:46:52.000000Z'],
    ['2023-07-16 16:46:52.1', '2023-07-16T16:46:52.100000Z'],
    ['2023-07-16 16:46:52.000001', '2023-07-16T16:46:52.000001Z'],
    ['2023-07-16 16:46:52.161053000Z', '2023-07-16T16:46:52.161053Z'],
    ['2023-07-16 16:46:52.161053+02:00', '2023-07-16T14:46:52.161053Z'],
    ['2023-07-16 16:46:52.161053-0530', '2023-07-16T22:16:52.161053Z'],
    ['2024-02-29 23:59:59.999999+00:00', '2024-02-29T23:59:59.999999Z'],
    ['1969-12-31 23:59:59.999999+00:00', '1969-12-31T23:59:59.999999Z'],
    ['0001-01-01 00:00:00+00:00', '0001-01-01T00:00:00.000000Z'],
    ['9999-12-31 23:59:59.999999+00:00', '9999-12-31T23:59:59.999999Z'],
  ])('reads %s', (text, iso) => {
    expect(Timestamp.parse(text).toISO()).toBe(iso)
  })

  it.each([
    '',
    'invalid',
    '2023-07-16',
    '2023-07-16 16:46',
    '16:46:52',
    '1689526012',
    '2023-07-16  16:46:52',
    ' 2023-07-16 16:46:52',
    '2023-07-16 16:46:52\n',
    '2023-07-16 16:46:52.',
    '2023-07-16 16:46:52,161053',
    '2023-07-16 16:46:52.1610534',
    '2023-07-16 16:46:52.1610530000',
    '2023-07-16 16:46:52 UTC',
    '2023-07-16 16:46:52+00',
    '2023-07-16 16:46:52+24:00',
    '2023-07-16 16:46:52+00:60',
    '2023-7-16 16:46:52',
    '12023-07-16 16:46:52',
    '-2023-07-16 16:46:52',
    '2023-02-29 16:46:52',
    '2023-13-01 16:46:52',
    '2023-00-01 16:46:52',
    '2023-07-16 24:00:00',
    '2023-07-16 16:60:52',
    '2023-07-16 16:46:60',
    '0000-12-31 23:59:59',
    '0001-01-01 00:00:00+00:01',
    '9999-12-31 23:59:59-00:01',
  ])('rejects %j and names it', text => {
    const named = expect.objectContaining({
      message: expect.stringContaining(JSON.stringify(text)) as unknown,
    })
    expect(() => Timestamp.parse(text)).toThrow(RangeError)
    expect(() => Timestamp.parse(text)).toThrow(named)
  })
})

describe('a time of any day, clock and offset', () => {
  const two = (most: number): fc.Arbitrary<string> =>
    fc.integer({ min: 0, max: most }).map(n => String(n).padStart(2, '0'))
  const year = fc.oneof(
    fc.constantFrom('0000', '0001', '1900', '2000', '2024', '9999'),
    fc.integer({ min: 0, max: 9999 }).map(n => String(n).padStart(4, '0')),
  )
  const offset = fc.constantFrom('Z', '+00:00', '-00:00', '+23:59', '-23:59', '+0530', '-0530')
  const parts = fc.tuple(year, two(13), two(32), two(24), two(60), two(60), offset)

  it.each(['parse', 'read'] as const)('is to Timestamp.%s what it is to luxon', method => {
    fc.assert(
      fc.property(parts, ([yyyy, mm, dd, h, m, s, zone]) => {
        const text = `${yyyy}-${mm}-${dd}T${h}:${m}:${s}.5${zone}`
        const time = DateTime.fromISO(text, { zone: 'utc' })
        // luxon takes 24:00 for the end of the day, and has a year 0.
        const isOurs = time.isValid && h !== '24' && yyyy !== '0000' && (method === 'read' || time.year >= 1)
        const read = (): bigint => Timestamp[method](text).epochMicros
        if (isOurs && time.year <= 9999) expect(read()).toBe(BigInt(time.toMillis()) * 1_000n)
        else if (!isOurs || method === 'parse') expect(read).toThrow(RangeError)
      }),
      { seed, numRuns: 2_000 },
    )
  })
})

describe('Timestamp.read', () => {
  it.each([
    ['2023-07-16', '2023-07-16T00:00:00.000000Z'],
    ['20230716', '2023-07-16T00:00:00.000000Z'],
    ['2023-W28-7', '2023-07-16T00:00:00.000000Z'],
    ['2023-W28', '2023-07-10T00:00:00.000000Z'],
    ['2023W287T16', '2023-07-16T16:00:00.000000Z'],
    ['2023-07-16x16:46', '2023-07-16T16:46:00.000000Z'],
    ['2023-07-16🖥16:46:52.161053', '2023-07-16T16:46:52.161053Z'],
    ['20230716T164652,1610539Z', '2023-07-16T16:46:52.161053Z'],
    ['2023-07-16 16:46:52+02', '2023-07-16T14:46:52.000000Z'],
    ['2023-07-16 16:46:52+020030', '2023-07-16T14:46:22.000000Z'],
    ['2023-07-16 16:46:52+02:00:30', '2023-07-16T14:46:22.000000Z'],
    ['2023-07-16 16:46:52.5-02:00:30.123456', '2023-07-16T18:47:22.623456Z'],
  ])('reads %s, as Python does', (text, iso) => {
    expect(Timestamp.read(text).toISO()).toBe(iso)
  })

  it('reads what is written here', () => {
    fc.assert(
      fc.property(instant, time => {
        expect(Timestamp.read(String(time)).epochMicros).toBe(time.epochMicros)
        expect(Timestamp.read(time.toISO()).epochMicros).toBe(time.epochMicros)
      }),
      { seed, numRuns: 500 },
    )
  })

  it.each([
    ['9999-12-31 23:59:59.999999-00:01', last + 60_000_000n, last],
    ['0001-01-01 00:00:00+00:01', first - 60_000_000n, first],
  ])('reads %s, which is in no year of UTC', (text, micros, printable) => {
    const time = Timestamp.read(text)
    expect([time.epochMicros, time.printable.epochMicros]).toEqual([micros, printable])
  })

  it.each([
    '',
    'yesterday',
    '1689526012',
    '2023-07-16 24:00:00',
    '2023-07-16 16:60',
    '2023-07-16 16:46:52+24:00',
    '2023-07-16 16:46:52z',
    '2023-07-16Z',
    '2023-02-29',
    '2023-W54-1',
    '2023-197',
    '0000-12-31',
    '2023-07-16 16:46:52\n',
  ])('rejects %j', text => {
    expect(() => Timestamp.read(text)).toThrow(RangeError)
  })
})

describe('Timestamp', () => {
  it('comes back unchanged from what it prints', () => {
    fc.assert(
      fc.property(instant, time => {
        expect(Timestamp.parse(String(time)).epochMicros).toBe(time.epochMicros)
        expect(Timestamp.parse(time.toISO()).epochMicros).toBe(time.epochMicros)
      }),
      { seed, numRuns: 500 },
    )
  })

  it('prints what a Date prints, to the microsecond', () => {
    fc.assert(
      fc.property(instant, time => {
        const micros = String(((time.epochMicros % 1_000n) + 1_000n) % 1_000n).padStart(3, '0')
        expect(time.toISO()).toBe(time.toDate().toISOString().replace('Z', `${micros}Z`))
      }),
      { seed, numRuns: 500 },
    )
  })

  it.each([
    [0n, '1970-01-01 00:00:00+00:00'],
    [1n, '1970-01-01 00:00:00.000001+00:00'],
    [-1n, '1969-12-31 23:59:59.999999+00:00'],
    [100_000n, '1970-01-01 00:00:00.100000+00:00'],
    [1_689_526_012_161_053n, '2023-07-16 16:46:52.161053+00:00'],
    // Around the integers that a number holds exactly.
    [9_007_199_254_740_991n, '2255-06-05 23:47:34.740991+00:00'],
    [9_007_199_254_740_992n, '2255-06-05 23:47:34.740992+00:00'],
    [9_007_199_254_740_993n, '2255-06-05 23:47:34.740993+00:00'],
    [-9_007_199_254_740_991n, '1684-07-28 00:12:25.259009+00:00'],
    [-9_007_199_254_740_992n, '1684-07-28 00:12:25.259008+00:00'],
    [-9_007_199_254_740_993n, '1684-07-28 00:12:25.259007+00:00'],
    [-9_007_199_255_740_991n, '1684-07-28 00:12:24.259009+00:00'],
  ])('prints %s µs as Python does, and reads it', (micros, text) => {
    expect(String(new Timestamp(micros))).toBe(text)
    expect(Timestamp.parse(text).epochMicros).toBe(micros)
    expect(Timestamp.read(text).epochMicros).toBe(micros)
  })

  it.each([first - 1n, last + 1n])('does not print %s µs, which has no year of four digits', micros => {
    expect(() => String(new Timestamp(micros))).toThrow(RangeError)
    expect(() => new Timestamp(micros).toISO()).toThrow(RangeError)
  })

  it('is printed alike whatever luxon is set to', () => {
    const before = Settings.defaultNumberingSystem
    Settings.defaultNumberingSystem = 'arab'
    try {
      expect(String(new Timestamp(1n))).toBe('1970-01-01 00:00:00.000001+00:00')
      expect(new Timestamp(1n).toISO()).toBe('1970-01-01T00:00:00.000001Z')
    } finally {
      Settings.defaultNumberingSystem = before
    }
  })

  it('counts in seconds, to the microsecond', () => {
    const start = Timestamp.parse('2023-07-16 16:46:52.161053')
    const end = start.plusSeconds(0.000001)
    expect(String(end)).toBe('2023-07-16 16:46:52.161054+00:00')
    expect(start.secondsUntil(end)).toBe(0.000001)
    expect(end.secondsUntil(start)).toBe(-0.000001)
    expect(start.plusSeconds(9_000_000_000).plusSeconds(-9_000_000_000).equals(start)).toBe(true)
  })

  it('is before a later one only', () => {
    const start = new Timestamp(5n)
    expect(start.isBefore(new Timestamp(6n))).toBe(true)
    expect(start.isBefore(new Timestamp(5n))).toBe(false)
    expect(start.isBefore(new Timestamp(4n))).toBe(false)
    expect(start.equals(new Timestamp(5n))).toBe(true)
    expect(start.equals(new Timestamp(6n))).toBe(false)
  })

  it('of now is now', () => {
    const before = Date.now()
    const now = Timestamp.now().toDate().getTime()
    expect(now).toBeGreaterThanOrEqual(before)
    expect(now).toBeLessThanOrEqual(Date.now())
  })
})

it('becomes RFC 3339 in JSON', () => {
  const time = Timestamp.parse('2023-07-16 16:46:52.161053+00:00')
  expect(JSON.stringify({ time })).toBe('{"time":"2023-07-16T16:46:52.161053Z"}')
})
