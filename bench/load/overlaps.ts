/** How often a holding began before the one before it had ended: what a lock must never let happen. */
export function overlaps(holdings: readonly Float64Array[]): number {
  const spans = holdings.flatMap(times =>
    Array.from({ length: times.length / 2 }, (_, at) => [times[2 * at]!, times[2 * at + 1]!] as const),
  )
  spans.sort(([a], [b]) => a - b)
  let [end, count] = [-Infinity, 0]
  for (const [begin, until] of spans) {
    if (begin < end) count++
    end = Math.max(end, until)
  }
  return count
}
