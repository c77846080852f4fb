import { resolve } from 'node:path'
import { Backends } from './backends/backends.js'
import { work } from './load/worker.js'
import { type BenchOptions, benchOptions, USAGE } from './options.js'
import { ON_REDIS } from './peers/index.js'
import { writeChart } from './report/chart.js'
import { losses } from './report/compare.js'
import { readResults, type Result, resultOf, writeResult } from './report/result.js'
import { tablesOf } from './report/table.js'
import { cycle } from './scenarios/cycle.js'
import { handoff } from './scenarios/handoff.js'
import { parallel } from './scenarios/parallel.js'
import { runVariant } from './scenarios/run-variant.js'
import type { Outcome, Scenario } from './scenarios/scenario.js'

const RESULTS = resolve('bench/results')
const SCENARIOS = [cycle, parallel, handoff]

const args = process.argv.slice(2)
if (args[0] === 'worker') await work(args[1]!, JSON.parse(args[2]!) as Parameters<typeof work>[1])
else {
  try {
    const options = benchOptions(args)
    if (options) await bench(options)
    else console.log(USAGE)
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`)
    process.exitCode = 1
  }
}

async function bench(options: BenchOptions): Promise<void> {
  const wanted = scenariosOf(options.scenarios)
  const before = options.compare === undefined ? [] : await readResults(options.compare)
  await using backends = await Backends.start()
  const lost: string[] = []
  for (const scenario of wanted) {
    const result = await run(scenario, backends, options)
    console.log(tablesOf(result))
    const overlapping = result.variants.flatMap(({ name, peers }) =>
      Object.entries(peers).flatMap(([peer, { violations }]) =>
        violations > 0 && peer.startsWith('spicelock')
          ? [`${name}: ${peer} let ${violations} holdings overlap`]
          : [],
      ),
    )
    lost.push(...overlapping, ...losses(before, result))
  }
  if (lost.length > 0) throw new Error(`it has become worse:\n${lost.join('\n')}`)
}

function scenariosOf(names: readonly string[]): Scenario[] {
  const all = SCENARIOS.map(({ name }) => name)
  const unknown = names.find(name => !all.includes(name))
  if (unknown !== undefined) throw new Error(`there is no scenario '${unknown}'; there are ${all.join(', ')}`)
  return SCENARIOS.filter(({ name }) => names.length === 0 || names.includes(name))
}

async function run(scenario: Scenario, backends: Backends, options: BenchOptions): Promise<Result> {
  const peers = scenario.peers.filter(
    peer => !ON_REDIS.includes(peer) || (backends.stores.redis !== undefined && !options.quick),
  )
  const outcomes: Outcome[] = []
  const progress = (text: string): void => void process.stderr.write(`${scenario.name}: ${text}\n`)
  for (const variant of scenario.variants) {
    outcomes.push(await runVariant(variant, peers, backends, options, progress))
  }
  const { rounds, warmSeconds, seconds } = options
  const result = resultOf(scenario, outcomes, { rounds, warmSeconds, seconds }, backends.etcdVersion)
  await writeResult(RESULTS, result)
  await writeChart(RESULTS, scenario, result)
  return result
}
