import type { Backends } from '../backends/backends.js'
import type { Measured } from '../load/load.js'
import { overlaps } from '../load/overlaps.js'
import { Worker } from '../load/worker.js'
import type { Peer } from '../peers/peer.js'
import { quantile } from '../quantile.js'
import type { Figures, Outcome, Spread, Variant } from './scenario.js'

export interface Rounds {
  readonly rounds: number
  readonly warmSeconds: number
  readonly seconds: number
}

type Round = { readonly [Figure in keyof Figures]: number }

/**
 * Lets the peers run a variant in turns, so that a noisy moment of the machine strikes all alike. The first round is not counted:
 * a young process is slow.
 */
export async function runVariant(
  variant: Variant,
  peers: readonly Peer[],
  backends: Backends,
  { rounds, warmSeconds, seconds }: Rounds,
  progress: (text: string) => void,
): Promise<Outcome> {
  const teams = new Map<string, Worker[]>()
  const counted = new Map<string, Round[]>(peers.map(({ name }) => [name, []]))
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const { name } of peers) {
        progress(`${variant.name}, round ${round} of ${rounds}: ${name}`)
        const team = teams.get(name) ?? (await startTeam(name, variant.processes, backends))
        teams.set(name, team)
        const figures = await runOnce(team, variant, backends, { warmSeconds, seconds })
        if (round > 0) counted.get(name)!.push(figures)
      }
    }
  } finally {
    await Promise.all([...teams.values()].flat().map(worker => worker.stop()))
  }
  return new Map([...counted].map(([name, each]) => [name, figuresOf(each)]))
}

function startTeam(peer: string, processes: number, { stores }: Backends): Promise<Worker[]> {
  return Promise.all(Array.from({ length: processes }, () => Worker.start(peer, stores)))
}

let runs = 0

async function runOnce(
  team: readonly Worker[],
  { clients, names }: Variant,
  backends: Backends,
  times: { readonly warmSeconds: number; readonly seconds: number },
): Promise<Round> {
  const run = ++runs
  const all = Array.from({ length: names }, (_, at) => `bench-${process.pid}-${run}-${at}`)
  const each = clients / team.length
  const before = await backends.cpuMs()
  const measured = await Promise.all(
    team.map((worker, at) => worker.run({ ...times, names: all, clients: each, firstClient: at * each })),
  )
  const serverCpuMs = (await backends.cpuMs()) - before
  return roundOf(measured, all, serverCpuMs, times.warmSeconds + times.seconds)
}

function roundOf(
  measured: readonly Measured[],
  names: readonly string[],
  serverCpuMs: number,
  seconds: number,
): Round {
  const cycles = measured.flatMap(each => [...each.cycles])
  const waits = measured.flatMap(each => [...each.waits])
  const served = measured.flatMap(each => each.served)
  return {
    cyclesPerSecond: measured.reduce((sum, each) => sum + (each.cycles.length / each.ms) * 1000, 0),
    cycleP50: quantile(cycles, 0.5),
    cycleP99: quantile(cycles, 0.99),
    waitP99: quantile(waits, 0.99),
    clientCpu: measured.reduce((sum, each) => sum + each.cpuMs / each.ms, 0),
    serverCpu: serverCpuMs / seconds / 1000,
    unfairness: Math.max(...served) / Math.min(...served),
    violations: names.reduce(
      (sum, name) => sum + overlaps(measured.flatMap(each => each.holdings[name] ?? [])),
      0,
    ),
  }
}

function figuresOf(rounds: readonly Round[]): Figures {
  const spread = (figure: keyof Round): Spread => {
    const values = rounds.map(round => round[figure])
    return { median: quantile(values, 0.5), least: Math.min(...values), most: Math.max(...values) }
  }
  return {
    cyclesPerSecond: spread('cyclesPerSecond'),
    cycleP50: spread('cycleP50'),
    cycleP99: spread('cycleP99'),
    waitP99: spread('waitP99'),
    clientCpu: spread('clientCpu'),
    serverCpu: spread('serverCpu'),
    unfairness: spread('unfairness'),
    violations: rounds.reduce((sum, round) => sum + round.violations, 0),
  }
}
