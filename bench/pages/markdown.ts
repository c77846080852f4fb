import { join } from 'node:path'
import type { Cells } from '../report/table.js'

/** Where charts are, from the root. */
export const RESULTS = 'bench/results'

/** Who spent the CPU, of all scenarios that were profiled. */
export const PROFILES = join(RESULTS, 'profiles.json')

export function tableOf([head, ...rows]: Cells): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head!), line(head!.map(() => '---')), ...rows.map(line)].join('\n')
}

/** @param toRoot of the page that shows it, for example `..` */
export function chartOf(name: string, what: string, toRoot: string): string {
  return `![${what}](${join(toRoot, RESULTS, `${name}.svg`)})`
}
