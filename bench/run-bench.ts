import { rm } from 'node:fs/promises'
import { findEtcd } from '../lib/testing/etcd-binary/find-etcd.js'
import { busyShare } from './backends/busy.js'
import { etcdToMeasure } from './backends/etcd-to-measure.js'
import { type BenchOptions, benchOptions, USAGE } from './options.js'
import { earlierBuild } from './peers/earlier-build.js'
import { BEFORE } from './peers/spicelock-kinds.js'
import { fillPages } from './pages/fill.js'
import { PROFILES } from './pages/markdown.js'
import { writeChart } from './report/chart.js'
import { losses } from './report/compare.js'
import { canJudge, gateFailures } from './report/gate.js'
import { writeCurves } from './report/lines.js'
import { profileIn, writeProfile } from './report/profile.js'
import { readResults, type Result, resultOf, writeBaseline, writeResult } from './report/result.js'
import { profileTable, tablesOf } from './report/table.js'
import { scenariosNamed } from './scenarios/index.js'
import type { Scenario } from './scenarios/scenario.js'
import type { Settings } from './scenarios/settings.js'

const progress = (line: string): void => void process.stderr.write(`${line}\n`)

/** What `npm run bench` does with these arguments. */
export async function runBench(args: string[]): Promise<void> {
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
  const { scenarios, settings, compare, baseline } = options
  const wanted = scenariosNamed(scenarios)
  const needsEarlier = settings.mode !== 'gate' && wanted.some(({ hasEarlier }) => hasEarlier)
  // For the processes that run the peers.
  const earlier = options.before ?? (needsEarlier ? await earlierBuild(progress) : undefined)
  if (earlier !== undefined) process.env[BEFORE] = earlier
  const before = compare === undefined ? [] : await readResults(compare)
  const { version } = await (settings.mode === 'whole' ? etcdToMeasure : findEtcd)(progress)
  const done: Result[] = []
  const failed: string[] = []
  const busy: number[] = []
  for (const scenario of wanted) {
    if (settings.mode === 'gate') busy.push(await busyShare())
    if (settings.profiles !== undefined) await rm(settings.profiles, { recursive: true, force: true })
    try {
      const result = await run(scenario, settings, version)
      await tell(scenario, result, options)
      done.push(result)
    } catch (error) {
      // The others are measured all the same: a whole run takes long.
      failed.push(`${scenario.name} could not be measured: ${(error as Error).message}`)
      progress(failed.at(-1)!)
    }
  }
  if (baseline !== undefined) await writeBaseline(baseline, done)
  if (settings.mode === 'whole') await fillPages()
  const worse = [...failed, ...done.flatMap(result => [...overlapsOfOurs(result), ...losses(before, result)])]
  if (settings.mode === 'gate') worse.push(...judged(done, [...busy, await busyShare()]))
  if (worse.length > 0) throw new Error(`this is not as it must be:\n${worse.join('\n')}`)
}

async function tell(
  scenario: Scenario,
  result: Result,
  { results, settings: { profiles, mode } }: BenchOptions,
): Promise<void> {
  console.log(tablesOf(result, scenario.shown.figure))
  await writeResult(results, result)
  if (scenario.curves) await writeCurves(results, scenario.curves, result)
  else await writeChart(results, scenario, result)
  if (profiles !== undefined) await tellProfile(scenario, profiles, mode)
}

async function tellProfile({ name }: Scenario, folder: string, mode: Settings['mode']): Promise<void> {
  const profile = await profileIn(folder, name)
  console.log(profileTable(profile, folder))
  if (mode === 'whole') await writeProfile(PROFILES, profile)
}

/** What fails the gate. On a machine that is busy with something else it is only told. */
function judged(results: readonly Result[], busy: readonly number[]): string[] {
  const failures = results.flatMap(gateFailures)
  if (failures.length === 0 || canJudge(busy)) return failures
  const most = Math.round(100 * Math.max(...busy))
  progress(`not judged, since something else used ${most} % of this machine:\n${failures.join('\n')}`)
  return []
}

async function run(scenario: Scenario, settings: BenchOptions['settings'], etcd: string): Promise<Result> {
  const start = performance.now()
  const outcomes = await scenario.run({ settings, progress: text => progress(`${scenario.name}: ${text}`) })
  progress(`${scenario.name}: measured in ${((performance.now() - start) / 1000).toFixed(0)} s`)
  return resultOf(scenario, outcomes, settings, etcd)
}

function overlapsOfOurs({ scenario, variants }: Result): string[] {
  return variants.flatMap(({ name, peers }) =>
    Object.entries(peers)
      .filter(([peer, { overlaps }]) => peer.startsWith('spicelock') && (overlaps?.most ?? 0) > 0)
      .map(([peer, { overlaps }]) => `${scenario}, ${name}: ${peer} let ${overlaps!.most} holdings overlap`),
  )
}
