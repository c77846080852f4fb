import { Backends } from '../backends/backends.js'
import { Measurement } from '../serve/measurement.js'
import { Served } from '../serve/served.js'
import {
  type Bench,
  figureOf,
  type Figures,
  type Outcome,
  type Scenario,
  spreadOf,
  type Target,
} from './scenario.js'

const LOAD = 'one server'
const PEER = 'spicelock serve'

/** By figure. */
const TARGETS: Readonly<Record<string, Omit<Target, 'value'>>> = {
  cyclesPerSecond1: {
    name: 'POST and DELETE, 1 connection',
    limit: 400,
    bound: 'at least',
    unit: 'cycles/s',
  },
  cyclesPerSecond64: {
    name: 'POST and DELETE, 64 connections',
    limit: 2000,
    bound: 'at least',
    unit: 'cycles/s',
  },
  frameP50: { name: 'DELETE to the frame, p50', limit: 3, bound: 'at most', unit: 'ms' },
  list: { name: 'GET of all locks', limit: 300, bound: 'at most', unit: 'ms' },
  besideList: { name: 'longest wait beside that GET', limit: 50, bound: 'at most', unit: 'ms' },
  memoryWithLocks: { name: 'memory with all locks', limit: 150, bound: 'at most', unit: 'MB' },
}

/** What `npm run measure` measures. */
export const serve: Scenario = {
  name: 'serve',
  measures: 'one server: locks over HTTP, frames to WebSockets, and the list of 10,000 locks',
  shown: { figure: 'cyclesPerSecond64', unit: 'cycles a second over 64 connections' },
  run,
  targets: outcomes =>
    Object.entries(TARGETS).map(([figure, target]) => ({
      ...target,
      value: figureOf(outcomes, LOAD, PEER, figure)?.median,
    })),
}

async function run({ settings, progress }: Bench): Promise<Outcome[]> {
  const { mode, rounds, seconds } = settings
  await using backends = await Backends.start()
  await using server = await Served.start(backends.endpoints)
  const [locks, sockets] = mode === 'whole' ? [10_000, 1000] : [1000, 50]
  const figures: Record<string, Figures[string]> = {}
  for await (const reading of new Measurement(server, { rounds, seconds, locks, sockets }).readings()) {
    progress(`${reading.what}: ${reading.value}`)
    for (const [figure, each] of Object.entries(reading.figures)) figures[figure] = spreadOf(each)
  }
  return [{ name: LOAD, peers: { [PEER]: figures } }]
}
