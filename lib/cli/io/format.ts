import Table from 'cli-table3'
import { DateTime } from 'luxon'
import { printable } from '../../model/describe-value.js'
import type { HolderState, LockState } from '../../model/lock-state.js'
import type { Timestamp } from '../../model/timestamp.js'

/** Unit, its size in seconds, and how many of it make the next one. */
const UNITS = [
  ['d', 86_400, Infinity],
  ['h', 3_600, 24],
  ['m', 60, 60],
  ['s', 1, 60],
] as const

/** Rounded to the second, in the two largest units: `3m 20s`. */
export function duration(seconds: number): string {
  const parts = UNITS.map(([unit, size, cycle]) => ({
    unit,
    count: Math.floor(Math.round(seconds) / size) % cycle,
  }))
  const first = parts.findIndex(({ count }) => count > 0)
  if (first === -1) return '0s'
  const largest = parts.slice(first, first + 2).filter(({ count }) => count > 0)
  return largest.map(({ count, unit }) => `${count}${unit}`).join(' ')
}

/** How long a holding lasts, unless it is renewed. */
export function left({ remaining, renewed }: Pick<HolderState, 'remaining' | 'renewed'>): string {
  return `${duration(remaining)}${renewed ? ', renewed' : ''}`
}

/** How long ago; the clock of another host may run ahead of this one. */
export function ago(since: Timestamp, now: Timestamp): string {
  return `${duration(Math.max(0, since.secondsUntil(now)))} ago`
}

/** In the reader's time zone: `2023-07-16T18:46:52+02:00`. */
export function localTime(time: Timestamp): string {
  return DateTime.fromJSDate(time.toDate()).startOf('second').toISO({ suppressMilliseconds: true }) ?? ''
}

const BORDERS = ['top', 'bottom', 'left', 'right', 'mid'].flatMap(side => [
  side,
  ...['left', 'mid', 'right'].map(end => `${side}-${end}`),
])
const STYLE = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] }

/** Columns without borders and colours. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const chars = { ...Object.fromEntries(BORDERS.map(border => [border, ''])), middle: '  ' }
  const columns = new Table({ head: [...head], chars, style: STYLE })
  columns.push(...rows.map(row => row.map(printable)))
  return columns.toString().replace(/ +$/gm, '')
}

/** A state with its times in RFC 3339. */
export function jsonOf(state: LockState): object {
  const { prefix, name, key, problem } = state
  const holders = state.holders.map(holder => {
    const { id, owner, since, remaining, renewed, concurrency, ttl, fencingToken } = holder
    const times = { since: since.toISO(), remaining, renewed }
    return { id, owner, ...times, concurrency, ttl, fencingToken: fencingToken?.toString() }
  })
  const waiters = state.waiters.map(({ id, owner, since, place }) => ({
    id,
    owner,
    since: since?.toISO(),
    place,
  }))
  return { prefix, name, key, holders, waiters, problem }
}
