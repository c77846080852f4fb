import { INSPECT } from './printed.js'

const FORM =
  /^(\d{4}-\d\d-\d\d)[ T]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6})0{0,3})?(?:Z|([+-])([01]\d|2[0-3]):?([0-5]\d))?$/
const MICROS_PER_SECOND = 1_000_000
const SECOND = BigInt(MICROS_PER_SECOND)
const DAY_MS = 86_400_000
/** What Python's `datetime.fromisoformat` reads: also a day alone, no colons, any separator, and an offset to the microsecond. */
const ISO =
  /^(\d{4}-\d\d-\d\d|\d{8}|\d{4}-W\d\d(?:-[1-7])?|\d{4}W\d\d[1-7]?)(?:.([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d)(?:[.,](\d+))?)?)?(Z|[+-].+)?)?$/su
const OFFSET = /^([+-])([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d)(?:[.,](\d+))?)?)?$/
/** The years that can be printed. */
const [FIRST_MS, LAST_MS] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')]
const [FIRST, LAST] = [BigInt(FIRST_MS) * 1000n, BigInt(LAST_MS) * 1000n + 999n]

/** An instant to the microsecond, which is finer than a Date: what Python writes comes back unchanged. */
export class Timestamp {
  constructor(
    /** Microseconds since 1970-01-01T00:00:00Z. */
    readonly epochMicros: bigint,
  ) {}

  static now(): Timestamp {
    return Timestamp.fromMillis(Date.now())
  }

  static fromMillis(ms: number): Timestamp {
    return new Timestamp(BigInt(Math.round(ms * 1000)))
  }

  /**
   * Reads what Python prints of a datetime (`2023-07-16 16:46:52.161053+00:00`), and RFC 3339. Without an
   * offset it is taken as UTC.
   * @throws RangeError
   */
  static parse(text: string): Timestamp {
    const [, date = '', hour, minute, second, fraction, sign, ...away] = FORM.exec(text) ?? []
    const local = millisOfDay(date) + millisOf(hour, minute, second)
    const millis = sign === '-' ? local + millisOf(...away) : local - millisOf(...away)
    if (!(millis >= FIRST_MS && millis <= LAST_MS)) {
      throw new RangeError(
        `${JSON.stringify(text)} is not a time: expected a form like 2023-07-16 16:46:52.161053+00:00`,
      )
    }
    return new Timestamp(microsAt(millis, fraction))
  }

  /**
   * Reads what Python's `datetime.fromisoformat` reads. Without an offset it is taken as UTC. It may lie just outside the years 1 to
   * 9999, by its offset.
   * @throws RangeError
   */
  static read(text: string): Timestamp {
    const [, date = '', hour, minute, second, fraction, offset = 'Z'] = ISO.exec(text) ?? []
    const day = millisOfDay(date)
    const [, sign, ...away] = OFFSET.exec(offset) ?? []
    if (Number.isNaN(day) || (!sign && offset !== 'Z')) {
      throw new RangeError(`${JSON.stringify(text)} is not a time.`)
    }
    const local = microsAt(day + millisOf(hour, minute, second), fraction)
    if (!sign) return new Timestamp(local)
    const [hours, minutes, seconds, fractionAway] = away
    const ahead = microsAt(millisOf(hours, minutes, seconds), fractionAway)
    return new Timestamp(sign === '-' ? local + ahead : local - ahead)
  }

  /** This, or the first or last time that can be printed. */
  get printable(): Timestamp {
    if (this.epochMicros < FIRST) return new Timestamp(FIRST)
    return this.epochMicros > LAST ? new Timestamp(LAST) : this
  }

  /** @param seconds any finite number: entries of other software may name more than any time has. */
  plusSeconds(seconds: number): Timestamp {
    const micros = Math.min(Math.round(seconds * 1_000_000), Number.MAX_VALUE)
    return new Timestamp(this.epochMicros + BigInt(micros))
  }

  /** Seconds from here to `other`; negative when it is earlier. */
  secondsUntil(other: Timestamp): number {
    return Number(other.epochMicros - this.epochMicros) / 1_000_000
  }

  isBefore(other: Timestamp): boolean {
    return this.epochMicros < other.epochMicros
  }

  equals(other: Timestamp): boolean {
    return this.epochMicros === other.epochMicros
  }

  /** To the millisecond. */
  toDate(): Date {
    return new Date(this.second * 1000 + Math.floor(this.fraction / 1000))
  }

  /**
   * As Python prints an aware UTC datetime: without the fraction when that is zero.
   * @throws RangeError when the year is not within 1 to 9999
   */
  toString(): string {
    const { epochMicros } = this
    if (epochMicros !== lastPrinted.epochMicros) lastPrinted = { epochMicros, text: this.print() }
    return lastPrinted.text
  }

  /** RFC 3339 with microseconds: `2023-07-16T16:46:52.161053Z`. */
  toISO(): string {
    return `${this.seconds}.${String(this.fraction).padStart(6, '0')}Z`
  }

  toJSON(): string {
    return this.toISO()
  }

  [INSPECT](): string {
    return this.toISO()
  }

  private print(): string {
    const { seconds, fraction } = this
    const text = seconds.replace('T', ' ')
    return fraction === 0 ? `${text}+00:00` : `${text}.${String(fraction).padStart(6, '0')}+00:00`
  }

  /** Since 1970, of the last full second. */
  private get second(): number {
    const { epochMicros, fraction } = this
    const micros = Number(epochMicros)
    // Numbers take a fraction of the time of bigints. They are exact for the years from 1684 to 2255.
    if (Number.isSafeInteger(micros)) return (micros - fraction) / MICROS_PER_SECOND
    return Number((epochMicros - BigInt(fraction)) / SECOND)
  }

  /** Microseconds since the last full second. */
  private get fraction(): number {
    const all = Number(this.epochMicros)
    const micros = Number.isSafeInteger(all) ? all % MICROS_PER_SECOND : Number(this.epochMicros % SECOND)
    return micros < 0 ? micros + MICROS_PER_SECOND : micros
  }

  /** Not printed by luxon, whose digits depend on settings that belong to the whole process. */
  private get seconds(): string {
    const { second } = this
    const known = knownSeconds[Math.abs(second) % KNOWN_SECONDS]
    if (known?.second === second) return known.text
    const date = new Date(second * 1000)
    const year = date.getUTCFullYear()
    if (!(year >= 1 && year <= 9999)) {
      throw new RangeError(`The time ${this.epochMicros} µs is out of range.`)
    }
    const text = date.toISOString().slice(0, 19)
    knownSeconds[Math.abs(second) % KNOWN_SECONDS] = { second, text }
    return text
  }
}

/** Times are read and printed often, and nearly all are of the same day, and of a few seconds: of the starts of locks and their ends. */
let lastDay = { text: '', ms: NaN }
/** The time of a holding is printed several times, one after the other. */
let lastPrinted: { readonly epochMicros: bigint | undefined; readonly text: string } = {
  epochMicros: undefined,
  text: '',
}
/** A prime, so that the usual ttls do not put the end of a lock in the place of its start. */
const KNOWN_SECONDS = 61
const knownSeconds: { readonly second: number; readonly text: string }[] = []

/** Whether there is such a day, of those in the years from 1 on, written like 2023-07-16. */
export function isDay(text: string): boolean {
  return !Number.isNaN(millisOfDay(text))
}

/** Of a day in a form of {@link ISO}; NaN for what is no day in the years from 1 on. */
function millisOfDay(text: string): number {
  if (text !== lastDay.text) lastDay = { text, ms: text.includes('W') ? weekDay(text) : calendarDay(text) }
  return lastDay.ms
}

function calendarDay(text: string): number {
  const iso = text.length === 8 ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text
  const ms = iso < '0001' ? NaN : Date.parse(`${iso}T00:00:00Z`)
  // JavaScript takes February 31 for a day in March.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== iso ? NaN : ms
}

/** Of ISO 8601: the first week of a year is that of January 4, and begins on Monday. */
function weekDay(text: string): number {
  const [year, week, day = 1] = text
    .replaceAll('-', '')
    .match(/^\d{4}|(?<=W)\d\d|\d$/g)!
    .map(Number)
  const monday = firstMonday(year!) + (week! - 1) * 7 * DAY_MS
  if (year! < 1 || week! < 1 || monday >= firstMonday(year! + 1)) return NaN
  return monday + (day - 1) * DAY_MS
}

function firstMonday(year: number): number {
  const fourth = new Date(0)
  // Date.UTC takes the years up to 99 for those from 1900 on.
  fourth.setUTCFullYear(year, 0, 4)
  return fourth.getTime() - ((fourth.getUTCDay() + 6) % 7) * DAY_MS
}

function millisOf(hour = '0', minute = '0', second = '0'): number {
  return ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000
}

/** Microseconds, with those of the digits behind the point. */
function microsAt(millis: number, fraction = ''): bigint {
  const finer = Number(fraction.slice(0, 6).padEnd(6, '0'))
  const micros = millis * 1000 + finer
  return Number.isSafeInteger(micros) ? BigInt(micros) : BigInt(millis) * 1000n + BigInt(finer)
}
