import type { Backends } from '../backends/backends.js'
import type { Load, Measured } from '../load/load.js'
import type { Peer } from '../peers/peer.js'
import { Child } from '../processes/child.js'
import { figuresOf, type RoundCosts, type Round, roundOf } from './figures.js'
import type { Bench, Outcome } from './scenario.js'
import type { Settings } from './settings.js'
import type { Variant } from './variant.js'

/**
 * Lets the peers run a variant in turns, so that a noisy moment of the machine strikes all alike. The first round is not counted:
 * a young process is slow.
 */
export async function runVariant(
  variant: Variant,
  peers: readonly Peer[],
  backends: Backends,
  { settings, progress }: Bench,
): Promise<Outcome> {
  const { rounds } = settings
  const teams = new Map<string, Child[]>()
  const counted = new Map<string, Round[]>(peers.map(({ name }) => [name, []]))
  try {
    for (let round = variant.gathers ? 1 : 0; round <= rounds; round++) {
      for (const { name } of peers) {
        progress(`${variant.name}, round ${round} of ${rounds}: ${name}`)
        const team = teams.get(name) ?? (await startTeam(name, variant.processes, backends, settings))
        teams.set(name, team)
        const measured = await runOnce(team, variant, backends, settings)
        if (round > 0) counted.get(name)!.push(measured)
        if (!variant.gathers) continue
        teams.delete(name)
        await Promise.all(team.map(child => child.kill()))
      }
    }
  } finally {
    await Promise.all([...teams.values()].flat().map(child => child[Symbol.asyncDispose]()))
  }
  const peersFigures = [...counted].map(([name, each]) => [name, figuresOf(each)] as const)
  return { name: variant.name, peers: Object.fromEntries(peersFigures) }
}

function startTeam(
  peer: string,
  processes: number,
  backends: Backends,
  { profiles }: Settings,
): Promise<Child[]> {
  const isOurs = peer.startsWith('spicelock')
  const flags = isOurs && profiles !== undefined ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : []
  return Promise.all(
    Array.from({ length: processes }, (_, at) =>
      Child.start('peer', { peer, stores: backends.storesOf(at) }, flags),
    ),
  )
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
