import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Figures, Outcome, Scenario, Target } from '../scenarios/scenario.js'
import type { Rounds } from '../scenarios/run-variant.js'

/** What `bench/results/<scenario>.json` holds. */
export interface Result {
  readonly scenario: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly gigabytes: number }
  readonly versions: { readonly node: string; readonly etcd: string }
  readonly settings: Rounds
  readonly variants: readonly {
    readonly name: string
    readonly peers: Readonly<Record<string, Figures>>
  }[]
  readonly targets: readonly (Target & { readonly holds: boolean })[]
}

export function resultOf(
  scenario: Scenario,
  outcomes: readonly Outcome[],
  settings: Rounds,
  etcd: string,
): Result {
  const [first] = cpus()
  return {
    scenario: scenario.name,
    machine: {
      cpu: first?.model ?? 'unknown',
      cores: cpus().length,
      gigabytes: Math.round(totalmem() / 2 ** 30),
    },
    versions: { node: process.version, etcd },
    settings,
    variants: scenario.variants.map(({ name }, at) => ({ name, peers: Object.fromEntries(outcomes[at]!) })),
    targets: scenario.targets(outcomes).map(target => ({ ...target, holds: holds(target) })),
  }
}

function holds({ value, limit, bound }: Target): boolean {
  return bound === 'at least' ? value >= limit : value <= limit
}

export async function writeResult(folder: string, result: Result): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${result.scenario}.json`), `${JSON.stringify(result, null, 2)}\n`)
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
