import type { Profile } from '../report/profile.js'
import type { Result } from '../report/result.js'
import { cellsOf, type Cells, targetCells } from '../report/table.js'
import { scenariosNamed } from '../scenarios/index.js'
import type { Scenario } from '../scenarios/scenario.js'
import { etcdsSection } from './etcds-section.js'
import { chartOf, tableOf } from './markdown.js'
import { profileSection } from './profile-section.js'
import { summarySection } from './summary-section.js'

/** Makes what stands between two markers of a page of results. @param toRoot from the page's folder to that of the clone */
export type Section = (results: readonly Result[], toRoot: string, profiles: readonly Profile[]) => string

/** Those with charts of their peers. */
const COMPARING = scenariosNamed([]).filter(({ curves }) => !curves)

/** By the name in the marker. */
export const SECTIONS: Readonly<Record<string, Section>> = {
  machine: machineSection,
  summary: summarySection,
  targets: targetsSection,
  curves: (results, toRoot) => of(results, 'curves', result => curvesSection(result, toRoot)),
  profile: (_results, _toRoot, profiles) => profileSection(profiles),
  etcds: results => of(results, 'curves', etcdsSection),
  ...Object.fromEntries(
    COMPARING.map((scenario): [string, Section] => [
      scenario.name,
      (results, toRoot) => of(results, scenario.name, result => scenarioSection(scenario, result, toRoot)),
    ]),
  ),
}

function of(results: readonly Result[], name: string, section: (result: Result) => string): string {
  const result = results.find(({ scenario }) => scenario === name)
  return result ? section(result) : `Not measured yet: \`npm run bench -- ${name}\` writes it here.`
}

function machineSection(results: readonly Result[]): string {
  const lines = results.map(({ machine, versions, settings }) => {
    const { cpu, cores, gigabytes } = machine
    const how = `${settings.rounds} rounds of ${settings.seconds} s`
    return `${cpu}, ${cores} cores, ${gigabytes} GB; Node ${versions.node}, etcd ${versions.etcd} on the same machine; ${how}.`
  })
  return [...new Set(lines)].join('\n\n') || 'Not measured yet.'
}

/** All targets, each with the name of its scenario. */
function targetsSection(results: readonly Result[]): string {
  const rows = COMPARING.flatMap(({ name }): Cells => {
    const result = results.find(({ scenario }) => scenario === name)
    if (!result) return [[`\`${name}\``, 'not measured', '', '', '', '']]
    return targetCells(result)
      .slice(1)
      .map(([target, ...rest]) => [`\`${name}\``, target!, ...rest])
  })
  return tableOf([['of', 'target', 'is', 'limit', 'best floor', ''], ...rows])
}

function scenarioSection({ name, measures, shown }: Scenario, result: Result, toRoot: string): string {
  const tables = result.variants.map(
    outcome => `**${outcome.name}**\n\n${tableOf(cellsOf(outcome, shown.figure))}`,
  )
  return [chartOf(name, `${name}: ${measures}`, toRoot), ...tables].join('\n\n')
}

function curvesSection({ scenario, variants }: Result, toRoot: string): string {
  const [curves] = scenariosNamed([scenario])
  return curves!
    .curves!.map(({ what, points }) => {
      const rows = points.flatMap(({ at, load }) => {
        const outcome = variants.find(({ name }) => name === load)
        return outcome
          ? cellsOf(outcome, curves!.shown.figure)
              .slice(1)
              .map(row => [String(at), ...row.slice(1)])
          : []
      })
      const measured = variants.find(({ name }) => points.some(({ load }) => load === name))
      if (!measured) return ''
      const [head] = cellsOf(measured, curves!.shown.figure)
      const chart = chartOf(`${scenario}-${what.replaceAll(' ', '-')}`, `cost as the ${what} grow`, toRoot)
      return [`### As the number grows: ${what}`, chart, tableOf([[what, ...head!.slice(1)], ...rows])].join(
        '\n\n',
      )
    })
    .join('\n\n')
}
