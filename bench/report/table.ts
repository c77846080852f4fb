import Table from 'cli-table3'
import type { Outcome, Spread } from '../scenarios/scenario.js'
import type { Profile } from './profile.js'
import type { Result } from './result.js'

/** What a figure is called in a table, and by how much it is multiplied; others stand under their own name. */
const HEADS: Readonly<Record<string, readonly [head: string, factor: number]>> = {
  cyclesPerSecond: ['/s', 1],
  cycleP50: ['p50 ms', 1],
  cycleP99: ['p99 ms', 1],
  waitP99: ['wait p99', 1],
  apartWaitMost: ['writer waits', 1],
  clientCpu: ['client CPU %', 100],
  etcdCpu: ['etcd CPU %', 100],
  redisCpu: ['redis CPU %', 100],
  clientMicros: ['CPU µs/cycle', 1],
  calls: ['calls/cycle', 1],
  renewals: ['renewals in these', 1],
  bytes: ['bytes/cycle', 1],
  unfairness: ['most/least', 1],
  elapsed: ['all ms', 1],
  heapMegabytes: ['heap MB', 1],
  bytesEach: ['bytes/lock', 1],
  cpu: ['CPU %', 100],
  takenPerSecond: ['taken/s', 1],
  takeoverMs: ['ms', 1],
  processMs: ['ms', 1],
}

/** Only one line below the head, and none between the rows. */
const STYLE = {
  style: { head: [], border: [], compact: true },
}

/** Cells of a table, the head first. */
export type Cells = readonly (readonly string[])[]

/** What the peers have reached under a load: the figures that tell something. @param shown the one that the chart shows */
export function cellsOf({ peers }: Outcome, shown: string): Cells {
  const all = Object.values(peers)
  const tells = (key: string): boolean =>
    key !== 'elapsed' && all.some(figures => figures[key]?.most !== 0 || key === 'overlaps')
  const keys = [...new Set(all.flatMap(figures => Object.keys(figures)))]
  const told = keys.filter(key => key === shown || tells(key))
  return [
    ['', ...told.map(key => HEADS[key]?.[0] ?? key)],
    ...Object.entries(peers).map(([peer, figures]) => [
      peer,
      ...told.map(key => cell(figures[key], HEADS[key]?.[1] ?? 1, key === shown)),
    ]),
  ]
}

/** What became of each target. */
export function targetCells({ targets }: Pick<Result, 'targets'>): Cells {
  const rows = targets.map(({ name, value, floor, limit, bound, unit = '', holds }) => {
    const best = floor === undefined ? '' : round(floor)
    // A ratio of 1.002 is not shown as 1.00, which would be no miss of 1.
    const shown = value !== limit && round(value) === round(limit) ? value.toFixed(3) : round(value)
    return [name, shown, `${bound} ${limit} ${unit}`.trimEnd(), best, holds ? 'holds' : 'MISSED']
  })
  return [['target', 'is', 'limit', 'floor', ''], ...rows]
}

/** A table for each load, and one of the targets. */
export function tablesOf(result: Result, shown: string): string {
  const variants = result.variants.map(
    outcome => `${result.scenario}, ${outcome.name}\n${tableOf(cellsOf(outcome, shown))}`,
  )
  return [...variants, ...(result.targets.length > 0 ? [tableOf(targetCells(result))] : [])].join('\n\n')
}

function tableOf([head, ...rows]: Cells): string {
  const table = new Table({ head: [...head!], ...STYLE })
  for (const row of rows) table.push([...row])
  return table.toString()
}

/** Where the CPU of our own clients went. */
export function profileTable({ shares }: Profile, folder: string): string {
  const rows = Object.entries(shares).slice(0, 15)
  const table = tableOf([
    ['CPU of our clients', '%'],
    ...rows.map(([who, share]) => [who, round(100 * share)]),
  ])
  return `${table}\nprofiles for a browser's developer tools: ${folder}`
}

/** The median, and of the figure that is shown the least and the most. */
function cell(spread: Spread | undefined, factor: number, isShown: boolean): string {
  if (spread === undefined) return ''
  const [median, least, most] = [spread.median, spread.least, spread.most].map(value => round(value * factor))
  return isShown && least !== most ? `${median} (${least}-${most})` : median!
}

/** With two digits after the point where they tell something. JSON has null for what is no finite number. */
export function round(value: number | null): string {
  if (value === null) return 'none'
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not reached' : 'starved'
  return value !== 0 && Math.abs(value) < 100 ? value.toFixed(2) : value.toFixed(0)
}
