import type { Result } from './result.js'

/** A ratio may get worse by this share before it counts as a loss. */
const TOLERANCE = 0.2

/**
 * The ratios that are worse than they were in an earlier result, each as a sentence. What has a unit is not compared: it
 * tells of the machine as well.
 */
export function losses(before: readonly Result[], after: Result): string[] {
  const old = before.find(({ scenario }) => scenario === after.scenario)
  if (!old) return []
  return after.targets.flatMap(({ name, value, bound, unit }) => {
    const was = old.targets.find(target => target.name === name)?.value
    // JSON has no NaN: what could not be measured is null there.
    if (unit !== undefined || typeof was !== 'number') return []
    const isKept = bound === 'at least' ? value >= was * (1 - TOLERANCE) : value <= was * (1 + TOLERANCE)
    return isKept ? [] : [`${after.scenario}, ${name}: ${value.toFixed(2)}, was ${was.toFixed(2)}`]
  })
}
