import { Backends } from '../backends/backends.js'
import { EARLIER, IN_GATE, isGiven, isOnRedis } from '../peers/index.js'
import type { Peer } from '../peers/peer.js'
import { type Entrant, runVariant } from './run-variant.js'
import type { Bench, Outcome, Scenario } from './scenario.js'
import type { Settings } from './settings.js'
import { Teams } from './teams.js'
import type { Variant } from './variant.js'

interface Loads extends Omit<Scenario, 'run'> {
  readonly peers: readonly Peer[]
  /** Of whom no target speaks: they run half as often, and settle no longer than in other loads. */
  readonly others?: readonly Peer[]
  readonly variants: readonly Variant[]
  /** Where there are many loads, no more rounds than these. */
  readonly mostRounds?: number
}

/** Of a load that takes long. */
const ROUNDS_OF_LARGE = 2

/** A scenario in which peers run the same loads. */
export function loadScenario<Of extends Loads>(scenario: Of): Of & Scenario {
  const hasEarlier = [...scenario.peers, ...(scenario.others ?? [])].some(peer => EARLIER.includes(peer))
  return { ...scenario, hasEarlier, run: bench => runAll(scenario, bench) }
}

async function runAll(
  { peers, others = [], variants, mostRounds = Infinity }: Loads,
  bench: Bench,
): Promise<Outcome[]> {
  const { mode } = bench.settings
  const rounds = Math.min(bench.settings.rounds, mostRounds)
  const redis = mode === 'whole' && [...peers, ...others].some(isOnRedis)
  const outcomes: Outcome[] = []
  const wanted = variants.filter(({ isGate, isLarge }) =>
    mode === 'gate' ? isGate : mode === 'whole' || !isLarge,
  )
  const entrantsOf = (variant: Variant): Entrant[] => {
    const most = variant.isLarge ? Math.min(rounds, ROUNDS_OF_LARGE) : rounds
    return [
      ...(variant.peers ?? peers).map(peer => ({ peer, rounds: most, settles: variant.settles ?? 1 })),
      ...others.map(peer => ({ peer, rounds: Math.ceil(most / 2), settles: 1 })),
    ]
  }
  for (const group of alike(wanted)) {
    await using backends = await Backends.start({ ...group[0]!, redis })
    await using teams = new Teams(group[0]!.processes, backends, bench.settings)
    for (const variant of group) {
      const able = entrantsOf(variant).filter(({ peer }) => isAble(peer, mode, backends))
      outcomes.push(await runVariant(variant, able, teams, backends, bench))
    }
  }
  return outcomes
}

/** In groups that can share their servers and their processes. */
function alike(variants: readonly Variant[]): Variant[][] {
  const groups = new Map<string, Variant[]>()
  for (const variant of variants) {
    const { members = 1, etcds = 1, processes } = variant
    const key = `${members} members, ${etcds} etcds, ${processes} processes`
    groups.set(key, [...(groups.get(key) ?? []), variant])
  }
  return [...groups.values()]
}

function isAble(peer: Peer, mode: Settings['mode'], backends: Backends): boolean {
  if (isOnRedis(peer)) return backends.hasRedis
  return mode === 'gate' ? IN_GATE.includes(peer) : isGiven(peer)
}
