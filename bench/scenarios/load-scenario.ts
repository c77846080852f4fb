import { Backends } from '../backends/backends.js'
import { IN_GATE, isGiven, isOnRedis } from '../peers/index.js'
import type { Peer } from '../peers/peer.js'
import { runVariant } from './run-variant.js'
import type { Bench, Outcome, Scenario } from './scenario.js'
import type { Settings } from './settings.js'
import type { Variant } from './variant.js'

interface Loads extends Omit<Scenario, 'run'> {
  readonly peers: readonly Peer[]
  readonly variants: readonly Variant[]
}

/** A scenario in which peers run the same loads. */
export function loadScenario<Of extends Loads>(scenario: Of): Of & Scenario {
  return { ...scenario, run: bench => runAll(scenario, bench) }
}

async function runAll({ peers, variants }: Loads, bench: Bench): Promise<Outcome[]> {
  const { mode } = bench.settings
  const redis = mode === 'whole' && peers.some(isOnRedis)
  const outcomes: Outcome[] = []
  const wanted = variants.filter(({ isGate, isLarge }) =>
    mode === 'gate' ? isGate : mode === 'whole' || !isLarge,
  )
  for (const group of alike(wanted)) {
    await using backends = await Backends.start({ ...group[0]!, redis })
    for (const variant of group) {
      const able = (variant.peers ?? peers).filter(peer => isAble(peer, mode, backends))
      outcomes.push(await runVariant(variant, able, backends, bench))
    }
  }
  return outcomes
}

/** In groups that can share their servers. */
function alike(variants: readonly Variant[]): Variant[][] {
  const groups = new Map<string, Variant[]>()
  for (const variant of variants) {
    const key = `${variant.members ?? 1} members, ${variant.etcds ?? 1} etcds`
    groups.set(key, [...(groups.get(key) ?? []), variant])
  }
  return [...groups.values()]
}

function isAble(peer: Peer, mode: Settings['mode'], backends: Backends): boolean {
  if (isOnRedis(peer)) return backends.hasRedis
  return mode === 'gate' ? IN_GATE.includes(peer) : isGiven(peer)
}
