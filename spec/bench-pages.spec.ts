import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { allResults, filled, PAGES } from '../bench/pages/fill.js'
import { PROFILES } from '../bench/pages/markdown.js'
import { SECTIONS } from '../bench/pages/sections.js'
import type { Peer } from '../bench/peers/peer.js'
import { readProfiles, writeProfile } from '../bench/report/profile.js'
import { type Result, resultOf } from '../bench/report/result.js'
import { curves } from '../bench/scenarios/curves.js'
import { cycle } from '../bench/scenarios/cycle.js'
import type { Figures, Scenario } from '../bench/scenarios/scenario.js'
import { textOf } from './docs/doc-blocks.js'
import { runScript } from './support/run-script.js'

const settings = { mode: 'whole', rounds: 5, warmSeconds: 0, settleSeconds: 0, seconds: 2 } as const
const spread = (median: number) => ({ median, least: median, most: median, each: [median] })

type Loads = Scenario & {
  readonly peers: readonly Peer[]
  readonly variants: readonly { readonly name: string }[]
}

/** Each peer has these figures under each load. */
function resultWith(scenario: Loads, figures: Figures): Result {
  const peers = Object.fromEntries(scenario.peers.map(({ name }) => [name, figures]))
  const outcomes = scenario.variants.map(({ name }) => ({ name, peers }))
  return resultOf(scenario, outcomes, settings, '3.5.0')
}

const marked = (name: string): string =>
  `# Page\n\n<!-- bench: ${name} -->\n\nwhat was here before\n\n<!-- end of bench -->\n\nend\n`

describe('The pages with results', () => {
  it.each(PAGES)('say what the results say: %s (npm run bench:pages makes it so)', async page => {
    const profiles = await readProfiles(PROFILES)
    expect(await filled(page, textOf(page), await allResults(), profiles)).toBe(textOf(page))
  })

  it('have each section once, and show charts that there are', () => {
    const texts = PAGES.map(textOf).join('\n')
    const names = [...texts.matchAll(/<!-- bench: (\w+) -->/g)].map(([, name]) => name!)
    expect(names.sort()).toEqual(Object.keys(SECTIONS).sort())
    const charts = [...texts.matchAll(/\((?:\.\.\/)?(bench\/results\/[^)]*)\)/g)].map(([, chart]) => chart!)
    expect(charts.filter(chart => !existsSync(chart))).toEqual([])
  })

  it('show figures, charts and targets, and keep what is around them', async () => {
    const result = resultWith(cycle, { cycleP50: spread(1.5), cycleP99: spread(9) })
    const page = await filled('docs/performance.md', marked('cycle') + marked('targets'), [result])
    expect(page).toMatch(
      /^# Page\n\n<!-- bench: cycle -->\n\n!\[cycle: .*\]\(\.\.\/bench\/results\/cycle\.svg\)\n/,
    )
    expect(page).toMatch(/\| spicelock +\| 1\.50 +\| 9\.00 +\|/)
    expect(page).toMatch(
      /\| `cycle` +\| spicelock: p50 \/ Lock RPC +\| 1\.00 +\| at most 1 +\| 1\.00 +\| holds +\|/,
    )
    expect(page).toMatch(/\| `drain` +\| not measured/)
    expect(page).not.toContain('before')
    expect(page.match(/^end$/gm)).toHaveLength(2)
  })

  it('calculate what 10 and 100 etcds do from what one does', async () => {
    const figures = { cyclesPerSecond: spread(5000), etcdCpu: spread(0.5), clientMicros: spread(80) }
    const page = await filled('docs/performance.md', marked('etcds'), [resultWith(curves, figures)])
    expect(page).toMatch(/\| 100 +\| calculated.* \| 500000 +\| 100 +\| 50\.00 +\| 40\.00 +\|/)
    expect(page).toContain('One cycle costs etcd 100 µs of CPU, and its clients 80 µs.')
  })

  it('tell where the CPU goes, of each scenario that was profiled last', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spicelock-spec-bench-'))
    const file = join(folder, 'profiles.json')
    await writeProfile(file, { scenario: 'parallel', shares: { Node: 0.9 } })
    await writeProfile(file, { scenario: 'handoff', shares: { spicelock: 0.6, Node: 0.4 } })
    const earlier = { Node: 0.5, '@grpc/grpc-js': 0.5 }
    await writeProfile(file, { scenario: 'parallel', shares: { Node: 0.75, spicelock: 0.25 }, earlier })
    const page = await filled('README.md', marked('profile'), [], await readProfiles(file))
    await rm(folder, { recursive: true })
    expect(page).toMatch(
      /\| % of .*\| `handoff` \| `parallel`, earlier \| `parallel` \|\n.*\n\| Node +\| 40\.00 +\| 50\.00 +\| 75\.00 +\|\n/,
    )
  })

  it('name a marker that means nothing', async () => {
    await expect(filled('README.md', marked('cycles'), [])).rejects.toThrow(
      "README.md has a marker for 'cycles'; there are machine, summary,",
    )
  })
})

describe('npm run bench', () => {
  it('writes results, a chart and a baseline, and fails when a ratio has fallen behind the one before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spicelock-spec-bench-'))
    const [before, baseline] = [join(folder, 'before.json'), join(folder, 'baseline.json')]
    const result = resultWith(cycle, { cycleP50: spread(2), cycleP99: spread(9) })
    const targets = result.targets.map(target => ({ ...target, value: 0.001 }))
    await writeFile(before, JSON.stringify([{ ...result, targets }]))
    const options = ['--gate', '--rounds', '1', '--compare', before, '--baseline', baseline]
    const { exit, stderr } = await runScript(['bench/run.js', 'bench/main.ts', 'cycle', ...options])
    expect(exit).toBe(1)
    expect(stderr).toMatch(/^cycle, spicelock: p50 \/ Lock RPC: \d+\.\d\d, was 0\.00$/m)
    const [written] = JSON.parse(await readFile(baseline, 'utf8')) as [Result]
    expect(written.targets).toContainEqual(
      expect.objectContaining({ name: 'spicelock: p50 / Lock RPC', limit: 1, holds: expect.any(Boolean) }),
    )
    expect(JSON.parse(await readFile('bench/results/gate/cycle.json', 'utf8'))).toEqual(written)
    expect(await readFile('bench/results/gate/cycle.svg', 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s)
    await rm(folder, { recursive: true })
  }, 60_000)
})
