import type { Result } from './result.js'

/** A ratio may get worse by this share before it counts as a loss. */
const TOLERANCE = 0.2

/** The targets that are worse than they were in an earlier result, each as a sentence. */
export function losses(before: readonly Result[], after: Result): string[] {
  const old = before.find(({ scenario }) => scenario === after.scenario)
  if (!old) return []
  return after.targets.flatMap(({ name, value, bound }) => {
    const was = old.targets.find(target => target.name === name)?.value
    if (was === undefined) return []
    const isWorse = bound === 'at least' ? value < was * (1 - TOLERANCE) : value > was * (1 + TOLERANCE)
    return isWorse ? [`${after.scenario}, ${name}: ${value.toFixed(2)}, was ${was.toFixed(2)}`] : []
  })
}
