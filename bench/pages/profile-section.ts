import type { Profile } from '../report/profile.js'
import { round } from '../report/table.js'
import { tableOf } from './markdown.js'

const MOST = 8

/** Where the CPU of our own clients goes, for each scenario that was profiled: those who use most of it in any, and what it was in the earlier build. */
export function profileSection(profiles: readonly Profile[]): string {
  if (profiles.length === 0) return 'Not profiled yet: `npm run bench -- parallel --profile` writes it here.'
  const columns = profiles.flatMap(({ scenario, shares, earlier }) => [
    ...(earlier ? [[`\`${scenario}\`, earlier`, earlier] as const] : []),
    [`\`${scenario}\``, shares] as const,
  ])
  const most = (who: string): number => Math.max(...columns.map(([, shares]) => shares[who] ?? 0))
  const all = [...new Set(columns.flatMap(([, shares]) => Object.keys(shares)))]
  const shown = all.sort((a, b) => most(b) - most(a)).slice(0, MOST)
  return tableOf([
    ['% of the CPU of our clients', ...columns.map(([head]) => head)],
    ...shown.map(who => [who, ...columns.map(([, shares]) => round(100 * (shares[who] ?? 0)))]),
  ])
}
