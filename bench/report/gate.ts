import type { Result, Verdict } from './result.js'

/**
 * The limits that CI holds today, by scenario and target, where half of the target is out of reach. They rise with the engine:
 * remove an entry as soon as half of its target holds.
 */
const TODAY: Readonly<Record<string, number>> = {
  'parallel, 64 names: rate / Lock RPC': 1,
}

/** When others use more of the cores than this, a ratio tells of them: only the Lock RPC waits rather than works. */
const MOST_BUSY = 0.4

/** Whether ratios can be judged on a machine of which others used these shares, at several moments. */
export function canJudge(busy: readonly number[]): boolean {
  return busy.every(share => share <= MOST_BUSY)
}

/** What CI asks of a target: half of it, so that a noisy machine fails nothing. */
export function gateLimit(scenario: string, { name, limit, bound }: Verdict): number {
  return TODAY[`${scenario}, ${name}`] ?? (bound === 'at least' ? limit / 2 : limit * 2)
}

/** The targets of the gate that are beyond what CI asks of them, each as a sentence. */
export function gateFailures({ scenario, targets }: Result): string[] {
  return targets
    .filter(({ isGate }) => isGate)
    .flatMap(target => {
      const limit = gateLimit(scenario, target)
      const isKept = target.bound === 'at least' ? target.value >= limit : target.value <= limit
      return isKept
        ? []
        : [`${scenario}, ${target.name}: ${target.value.toFixed(2)}, must be ${target.bound} ${limit}`]
    })
}
