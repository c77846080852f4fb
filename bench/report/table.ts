import Table from 'cli-table3'
import type { Figures, Spread } from '../scenarios/scenario.js'
import type { Result } from './result.js'

const HEAD = ['', '/s', 'p50 ms', 'p99 ms', 'wait p99', 'client CPU', 'server CPU', 'most/least', 'overlaps']

/** A table for each variant, and one of the targets. */
export function tablesOf(result: Result): string {
  const variants = result.variants.map(({ name, peers }) => {
    const table = new Table({ head: HEAD, style: { head: [], border: [] } })
    for (const [peer, figures] of Object.entries(peers)) table.push([peer, ...cells(figures)])
    return `${result.scenario}, ${name}\n${table.toString()}`
  })
  const targets = new Table({ head: ['target', 'is', 'limit', ''], style: { head: [], border: [] } })
  for (const { name, value, limit, bound, holds } of result.targets) {
    targets.push([name, value.toFixed(2), `${bound} ${limit}`, holds ? 'holds' : 'MISSED'])
  }
  return [...variants, targets.toString()].join('\n\n')
}

function cells(figures: Figures): string[] {
  const { cyclesPerSecond, cycleP50, cycleP99, waitP99, clientCpu, serverCpu, unfairness } = figures
  const ms = [cycleP50, cycleP99, waitP99].map(spread => spread.median.toFixed(2))
  const percent = [clientCpu, serverCpu].map(spread => `${(100 * spread.median).toFixed(0)} %`)
  const served = Number.isFinite(unfairness.median) ? unfairness.median.toFixed(2) : 'starved'
  return [rate(cyclesPerSecond), ...ms, ...percent, served, String(figures.violations)]
}

function rate({ median, least, most }: Spread): string {
  return `${median.toFixed(0)} (${least.toFixed(0)}-${most.toFixed(0)})`
}
