import { type Mistake, mistakes } from './mistakes.js'
import { simulateOptions, type SimulateOptions, USAGE } from './options.js'
import { Search } from './search.js'

/** After so many findings the cause is known. */
const MOST_FINDINGS = 20
const PROGRESS_MS = 10_000

async function simulate({ runs, seed, isVerbose, mistake }: SimulateOptions): Promise<void> {
  const start = performance.now()
  let told = start
  let printed = 0
  const search = new Search({
    runs,
    seed,
    mistake: mistake === undefined ? undefined : (mistakes as Record<string, Mistake>)[mistake],
    onEvent: isVerbose ? line => console.log(line) : undefined,
  })
  const summary = (): string => {
    const speed = (search.runs / (performance.now() - start)) * 1000
    return `${search.runs} runs, ${search.events} events, ${search.findings.length} violations, ${speed.toFixed(0)} runs/s`
  }
  await search.run(MOST_FINDINGS, () => {
    for (const { seed, violation } of search.findings.slice(printed)) {
      console.error(`seed ${seed}: ${violation.message}`)
    }
    printed = search.findings.length
    if (performance.now() - told < PROGRESS_MS) return
    told = performance.now()
    process.stderr.write(`${summary()}\n`)
  })
  if (runs === 1) console.log(`hash ${search.hashes[0]}`)
  console.log(summary())
  if (search.findings.length === 0) return
  const again = mistake === undefined ? '' : ` --mistake '${mistake}'`
  console.error(`Repeat one with: npm run simulate -- --seed SEED --runs 1 --verbose${again}`)
  process.exitCode = 1
}

try {
  const options = simulateOptions(process.argv.slice(2))
  if (options) await simulate(options)
  else console.log(USAGE)
} catch (error) {
  console.error(`simulate: ${(error as Error).message}`)
  process.exitCode = 1
}
