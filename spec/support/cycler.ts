import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Lock } from '../../lib/index.js'

/** A process that takes and releases locks many times, and says what that has left in it. */
const { endpoints, cycles, loops } = JSON.parse(process.argv[2]!) as CyclerOptions

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}
let warnings = 0
process.on('warning', () => warnings++)

const { signal } = new AbortController()
const lock = new Lock({ config: { endpoints }, prefix: 'custom', owner: 'cycler', dryRun: false })
let left = 0

async function loop(number: number, names: number): Promise<void> {
  while (left-- > 0) {
    const name = `cycled-${number % names}`
    await lock.release(name, await lock.acquire(name, { concurrency: 1, ttl: 30, signal }))
  }
}

/** Cycles of which a tenth is contended. */
async function run(count: number): Promise<void> {
  for (const [share, names] of [
    [0.9, loops],
    [0.1, 2],
  ] as const) {
    left = share * count
    await Promise.all(Array.from({ length: loops }, (_, number) => loop(number, names)))
  }
}

await run(cycles / 2)
const before = heapBytes()
await run(cycles / 2)
const heapGrowth = heapBytes() - before
const resources = (): string[] => process.getActiveResourcesInfo().filter(kind => /TCP|Timeout/.test(kind))
await lock.close()
const end = performance.now() + 2_000
while (resources().length > 0 && performance.now() < end) await setImmediate()
const report: CyclerReport = {
  heapGrowth,
  warnings,
  listeners: getEventListeners(signal, 'abort').length,
  resources: resources(),
}
process.stdout.write(JSON.stringify(report))

export interface CyclerOptions {
  readonly endpoints: readonly string[]
  readonly cycles: number
  readonly loops: number
}

export interface CyclerReport {
  /** Bytes, over the second half of the cycles. */
  readonly heapGrowth: number
  /** Warnings of Node, for example of too many listeners. */
  readonly warnings: number
  /** Still on the signal that all acquisitions got. */
  readonly listeners: number
  /** Timers and connections that keep the process alive although the lock is closed. */
  readonly resources: readonly string[]
}
