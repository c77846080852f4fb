import type { Traffic } from '../backends/traffic.js'
import type { Measured, Turns } from '../load/load.js'
import { type Holdings, overlaps } from '../load/overlaps.js'
import { quantile } from '../quantile.js'
import { type Figures, spreadOf } from './scenario.js'

/** What the servers did for a round, its warm-up included. */
export interface RoundCosts {
  readonly ms: number
  readonly etcdCpuMs: number
  readonly redisCpuMs: number
}

/** The figures of one peer in one round. */
export interface Round {
  readonly cyclesPerSecond: number
  /** Milliseconds of an acquisition and its release. */
  readonly cycleP50: number
  readonly cycleP99: number
  /** Milliseconds until it is held. */
  readonly waitP99: number
  /** The longest wait of a client whose turns are told apart, such as a writer; NaN when there is none. */
  readonly apartWaitMost: number
  /** Share of one core: of all clients' processes together, and of the servers. */
  readonly clientCpu: number
  readonly etcdCpu: number
  readonly redisCpu: number
  /** For each cycle: microseconds of CPU of the clients, and what etcd was asked and what went to and fro. */
  readonly clientMicros: number
  readonly calls: number
  readonly renewals: number
  readonly bytes: number
  readonly unfairness: number
  /** Milliseconds of the measured time. */
  readonly elapsed: number
  /** Holdings that overlapped. */
  readonly overlaps: number
}

export function roundOf(measured: readonly Measured[], names: readonly string[], costs: RoundCosts): Round {
  const clients = measured.flatMap(each => each.clients)
  const others = clients.filter(({ isApart }) => !isApart)
  const cycles = others.flatMap(each => [...each.cycles])
  const waits = others.flatMap(each => [...each.waits])
  const apart = clients.filter(({ isApart }) => isApart).flatMap(each => [...each.waits])
  const elapsed = Math.max(...measured.map(({ ms }) => ms))
  const turns = cycles.length + apart.length
  const asked = (key: keyof Traffic): number =>
    measured.reduce((sum, { traffic }) => sum + traffic[key], 0) / (turns || NaN)
  const cpuMs = measured.reduce((sum, each) => sum + each.cpuMs, 0)
  return {
    cyclesPerSecond: measured.reduce((sum, each) => sum + rateOf(each), 0),
    cycleP50: quantile(cycles, 0.5),
    cycleP99: quantile(cycles, 0.99),
    waitP99: quantile(waits, 0.99),
    apartWaitMost: apart.length > 0 ? apart.reduce((most, wait) => Math.max(most, wait)) : NaN,
    clientCpu: cpuMs / elapsed,
    etcdCpu: costs.etcdCpuMs / costs.ms,
    redisCpu: costs.redisCpuMs / costs.ms,
    clientMicros: (cpuMs * 1000) / (turns || NaN),
    calls: asked('calls'),
    renewals: asked('renewals'),
    bytes: asked('bytes'),
    unfairness: unfairnessOf(others.map(each => each.cycles.length)),
    elapsed,
    overlaps: names.reduce((sum, name) => sum + overlaps(holdingsOf(name, clients)), 0),
  }
}

/** Each process has measured a time of its own. */
function rateOf({ clients, ms }: Measured): number {
  const turns = clients.filter(({ isApart }) => !isApart).reduce((sum, { cycles }) => sum + cycles.length, 0)
  return (turns / ms) * 1000
}

function holdingsOf(name: string, clients: readonly Turns[]): Holdings[] {
  return clients.flatMap(({ holdings: { [name]: times }, limit }) => (times ? [{ times, limit }] : []))
}

/**
 * How often the client that was served most held, for each time of the one that was served least. The edges of the time cut a
 * round of the queue in two: a client that was served once more than another was treated alike.
 */
export function unfairnessOf(served: readonly number[]): number {
  const [least, most] = [Math.min(...served), Math.max(...served)]
  return most - least <= 1 ? 1 : (most - 1) / least
}

/** Figures that no round has are left out. */
export function figuresOf(rounds: readonly Round[]): Figures {
  const keys = Object.keys(rounds[0]!) as (keyof Round)[]
  const spreads = keys.map(key => [key, spreadOf(rounds.map(round => round[key]))] as const)
  return Object.fromEntries(spreads.filter(([, { median }]) => !Number.isNaN(median)))
}
