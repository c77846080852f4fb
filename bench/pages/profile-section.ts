import type { Profile } from '../report/profile.js'
import { round } from '../report/table.js'
import { tableOf } from './markdown.js'

const MOST = 8

/** Where the CPU of our own clients goes, for each scenario that was profiled: those who use most of it in any. */
export function profileSection(profiles: readonly Profile[]): string {
  if (profiles.length === 0) return 'Not profiled yet: `npm run bench -- parallel --profile` writes it here.'
  const most = (who: string): number => Math.max(...profiles.map(({ shares }) => shares[who] ?? 0))
  const all = [...new Set(profiles.flatMap(({ shares }) => Object.keys(shares)))]
  const shown = all.sort((a, b) => most(b) - most(a)).slice(0, MOST)
  return tableOf([
    ['% of the CPU of our clients', ...profiles.map(({ scenario }) => `\`${scenario}\``)],
    ...shown.map(who => [who, ...profiles.map(({ shares }) => round(100 * (shares[who] ?? 0)))]),
  ])
}
