import Table from 'cli-table3'
import { quantile } from '../../bench/quantile.js'
import type { Resource } from './resource.js'

const SHOWN_VIOLATIONS = 5

export function table(resources: readonly Resource[]): string {
  const table = new Table({
    head: ['name', 'limit', 'acquisitions', 'most at once', 'wait median', 'wait p95', 'violations'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const { name, limit, entries, mostAtOnce, waits, violations } of resources) {
    const wait = (share: number): string => (waits.length ? `${quantile(waits, share).toFixed(1)} ms` : '-')
    table.push([name, limit || 'none', entries, mostAtOnce, wait(0.5), wait(0.95), violations.length])
  }
  return table.toString()
}

/** The first violations in words. */
export function violationReport(violations: readonly string[]): string {
  const more = violations.length - SHOWN_VIOLATIONS
  return [
    `LOCKING IS BROKEN: ${violations.length} times a resource was entered by too many at once`,
    ...violations.slice(0, SHOWN_VIOLATIONS).map(violation => `  ${violation}`),
    ...(more > 0 ? [`  and ${more} times more`] : []),
  ].join('\n')
}
