import Table from 'cli-table3'
import type { Spread } from '../scenarios/scenario.js'
import { sharesIn } from './profile.js'
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

/** A table for each load, and one of the targets. */
export function tablesOf(result: Result, shown: string): string {
  const variants = result.variants.map(({ name, peers }) => {
    const all = Object.values(peers)
    const keys = [...new Set(all.flatMap(figures => Object.keys(figures)))].filter(
      key =>
        key === shown ||
        (key !== 'elapsed' && all.some(figures => figures[key]?.most !== 0 || key === 'overlaps')),
    )
    const table = new Table({ head: ['', ...keys.map(key => HEADS[key]?.[0] ?? key)], ...STYLE })
    for (const [peer, figures] of Object.entries(peers)) {
      table.push([peer, ...keys.map(key => cell(figures[key], HEADS[key]?.[1] ?? 1, key === shown))])
    }
    return `${result.scenario}, ${name}\n${table.toString()}`
  })
  const targets = new Table({ head: ['target', 'is', 'limit', '', 'floor'], ...STYLE })
  for (const { name, value, floor, limit, bound, unit = '', holds } of result.targets) {
    const verdict = holds ? 'holds' : 'MISSED'
    const best = floor === undefined ? '' : round(floor)
    targets.push([name, round(value), `${bound} ${limit} ${unit}`.trimEnd(), verdict, best])
  }
  return [...variants, ...(result.targets.length > 0 ? [targets.toString()] : [])].join('\n\n')
}

/** Where the CPU of our own clients went. */
export async function profileTable(folder: string): Promise<string> {
  const table = new Table({ head: ['CPU of our clients', '%'], ...STYLE })
  for (const [who, share] of (await sharesIn(folder)).slice(0, 15)) table.push([who, round(100 * share)])
  return `${table.toString()}\nprofiles for a browser's developer tools: ${folder}`
}

/** The median, and of the figure that is shown the least and the most. */
function cell(spread: Spread | undefined, factor: number, isShown: boolean): string {
  if (spread === undefined) return ''
  const [median, least, most] = [spread.median, spread.least, spread.most].map(value => round(value * factor))
  return isShown && least !== most ? `${median} (${least}-${most})` : median!
}

/** With two digits after the point where they tell something. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not reached' : 'starved'
  return value !== 0 && Math.abs(value) < 100 ? value.toFixed(2) : value.toFixed(0)
}
