import type { Backends } from '../backends/backends.js'
import type { Load, Measured } from '../load/load.js'
import type { Peer } from '../peers/peer.js'
import type { Child } from '../processes/child.js'
import { figuresOf, type Round, type RoundCosts, roundOf } from './figures.js'
import type { Bench, Outcome } from './scenario.js'
import type { Settings } from './settings.js'
import type { Teams } from './teams.js'
import type { Variant } from './variant.js'

/** A team that has run another load before needs this share of the time to settle. */
const SHARE_OF_SETTLED = 0.25
/** Who has gathered more clients than that runs as fast with as many. */
const ENOUGH_TO_SETTLE = 100

/** A peer, and how often it runs. */
export interface Entrant {
  readonly peer: Peer
  readonly rounds: number
  /** How many times as long as in other loads its processes run before it counts. */
  readonly settles: number
}

/**
 * Lets the peers run a variant in turns, so that a noisy moment of the machine strikes all alike. What they do until they have
 * settled is not counted: a young process is slow.
 */
export async function runVariant(
  variant: Variant,
  entrants: readonly Entrant[],
  teams: Teams,
  backends: Backends,
  { settings, progress }: Bench,
): Promise<Outcome> {
  const counted = new Map<string, Round[]>(entrants.map(({ peer }) => [peer.name, []]))
  const settle = async ({ peer: { name }, settles }: Entrant): Promise<readonly Child[]> => {
    progress(`${variant.name}, until it has settled: ${name}`)
    const share = settles * (teams.has(name) ? SHARE_OF_SETTLED : 1)
    const team = await teams.of(name)
    await settled(team, variant, backends, { ...settings, settleSeconds: settings.settleSeconds * share })
    return team
  }
  if (!variant.gathers) for (const entrant of entrants) await settle(entrant)
  const most = Math.max(...entrants.map(({ rounds }) => rounds))
  for (let round = 1; round <= most; round++) {
    for (const entrant of entrants) {
      const { peer, rounds } = entrant
      if (round > rounds) continue
      const team = variant.gathers ? await settle(entrant) : await teams.of(peer.name)
      progress(`${variant.name}, round ${round} of ${rounds}: ${peer.name}`)
      counted.get(peer.name)!.push(await runOnce(team, variant, backends, settings))
      if (variant.gathers) await teams.kill(peer.name)
    }
  }
  const figures = [...counted].map(([name, each]) => [name, figuresOf(each)] as const)
  return { name: variant.name, peers: Object.fromEntries(figures) }
}

/** Runs the load until its time is over, again and again where it ends before. */
async function settled(
  team: readonly Child[],
  variant: Variant,
  backends: Backends,
  settings: Settings,
): Promise<void> {
  const end = performance.now() + settings.settleSeconds * 1000
  const few = { gathers: false, clients: Math.min(variant.clients, ENOUGH_TO_SETTLE) }
  const load = variant.gathers ? { ...variant, ...few } : variant
  do {
    const seconds = Math.max(0, end - performance.now()) / 1000
    await runOnce(team, load, backends, { ...settings, warmSeconds: 0, seconds })
  } while (performance.now() < end)
}

let runs = 0

async function runOnce(
  team: readonly Child[],
  variant: Variant,
  backends: Backends,
  { warmSeconds, seconds }: Settings,
): Promise<Round> {
  const { clients, names, take = 1, holdMs = 0, until = 'time', gathers = false } = variant
  const run = ++runs
  const all = Array.from({ length: names }, (_, at) => `bench-${process.pid}-${run}-${at}`)
  const each = clients / team.length
  const load = { names: all, take, holdMs, until, gathers, warmSeconds, seconds, clients: each }
  await backends.forget()
  const begun = await costsSoFar(backends)
  const measured = await Promise.all(
    team.map((child, at) => {
      const endpoints = at === 0 ? backends.endpoints : []
      return child.ask<Measured>({ ...load, firstClient: at * each, endpoints } satisfies Load)
    }),
  )
  const ended = await costsSoFar(backends)
  return roundOf(measured, all, differenceOf(begun, ended))
}

async function costsSoFar(backends: Backends): Promise<RoundCosts> {
  const { etcd, redis } = await backends.cpuMs()
  return { ms: performance.now(), etcdCpuMs: etcd, redisCpuMs: redis }
}

function differenceOf(begun: RoundCosts, ended: RoundCosts): RoundCosts {
  return {
    ms: ended.ms - begun.ms,
    etcdCpuMs: ended.etcdCpuMs - begun.etcdCpuMs,
    redisCpuMs: ended.redisCpuMs - begun.redisCpuMs,
  }
}
