/** Holdings of one client of a lock: when each began and ended, in turns. */
export interface Holdings {
  readonly times: Float64Array
  /** How many may hold at once, as this client understands it: 1 is exclusive, Infinity shared. */
  readonly limit: number
}

/** How often a holding began while others stood that did not allow it: what a lock must never let happen. */
export function overlaps(all: readonly Holdings[]): number {
  const spans = all.flatMap(({ times, limit }) =>
    Array.from({ length: times.length / 2 }, (_, at) => ({
      begin: times[2 * at]!,
      end: times[2 * at + 1]!,
      limit,
    })),
  )
  spans.sort((a, b) => a.begin - b.begin)
  let open: typeof spans = []
  let count = 0
  for (const span of spans) {
    open = open.filter(({ end }) => end > span.begin)
    const least = Math.min(span.limit, ...open.map(({ limit }) => limit))
    if (open.length >= least) count++
    open.push(span)
  }
  return count
}
