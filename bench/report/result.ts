import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { Outcome, Scenario, Target } from '../scenarios/scenario.js'
import type { Settings } from '../scenarios/settings.js'

/** A target that was measured. */
export interface Verdict extends Target {
  readonly value: number
  readonly holds: boolean
}

/** What `bench/results/<scenario>.json` holds. */
export interface Result {
  readonly scenario: string
  readonly measures: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly gigabytes: number }
  readonly versions: { readonly node: string; readonly etcd: string }
  readonly settings: Settings
  readonly variants: readonly Outcome[]
  readonly targets: readonly Verdict[]
}

export function resultOf(
  scenario: Scenario,
  outcomes: readonly Outcome[],
  settings: Settings,
  etcd: string,
): Result {
  const [first] = cpus()
  return {
    scenario: scenario.name,
    measures: scenario.measures,
    machine: {
      cpu: first?.model ?? 'unknown',
      cores: cpus().length,
      gigabytes: Math.round(totalmem() / 2 ** 30),
    },
    versions: { node: process.version, etcd },
    settings,
    variants: outcomes,
    targets: scenario.targets(outcomes).flatMap(verdictOf),
  }
}

function verdictOf({ value, ...target }: Target): Verdict[] {
  if (value === undefined) return []
  const holds = target.bound === 'at least' ? value >= target.limit : value <= target.limit
  return [{ ...target, value, holds }]
}

export async function writeResult(folder: string, result: Result): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeJson(join(folder, `${result.scenario}.json`), result)
}

/** Replaces the results of these scenarios in a file, which is made when there is none. */
export async function writeBaseline(file: string, results: readonly Result[]): Promise<void> {
  const before = await readResults(file).catch((error: Error) => {
    if ((error.cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  const kept = before.filter(old => results.every(({ scenario }) => scenario !== old.scenario))
  await mkdir(dirname(file), { recursive: true })
  await writeJson(file, [...kept, ...results])
}

/** The results of one file, or of each scenario in it. @throws Error naming the file when it is none. */
export async function readResults(file: string): Promise<Result[]> {
  try {
    const parsed = JSON.parse(await readFile(file, 'utf8')) as Result | Result[]
    return Array.isArray(parsed) ? parsed : [parsed]
  } catch (error) {
    throw new Error(`${file} holds no results of npm run bench: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function writeJson(file: string, value: unknown): Promise<void> {
  return writeFile(file, `${JSON.stringify(value, null, 2)}\n`)
}
