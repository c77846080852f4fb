import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * By how many percent of what lives in it the heap may grow before V8 looks for garbage. Without it, V8 lets it grow to three and
 * four times that: a server with 10,000 locks that needs 50 MB then takes up 160.
 */
const GROWTH_PERCENT = 30
/**
 * Bytes of the space for what is new, at most: half of what V8 lets it grow to, which spares a busy server 16 MB. With
 * less, collections take much more of the CPU.
 */
const MOST_NEW = 16 * 1024 * 1024

/** Lets V8 collect garbage sooner in this process. Node 20, 22 and 24 know the flags. */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  let mayGrow = true
  // It grows at the end of a collection, to twice its size, and shrinks when there is little to do: then it may grow again.
  new PerformanceObserver(() => {
    if (newBytes() < MOST_NEW === mayGrow) return
    mayGrow = !mayGrow
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`)
  }).observe({ entryTypes: ['gc'] })
}

function newBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!.space_size
}
