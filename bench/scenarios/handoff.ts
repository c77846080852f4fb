import { etcd3Lock } from '../peers/etcd3-lock.js'
import { HANDOFF_FLOORS, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { spicelock } from '../peers/spicelock.js'
import { spicelockBefore } from '../peers/spicelock-kinds.js'
import { loadScenario } from './load-scenario.js'
import { ratioTarget } from './ratio-target.js'
import { figureOf, type Target } from './scenario.js'

/** `limit`: of the rate of etcd's Lock RPC, what is to be reached at least. */
const LOADS = [
  { name: '16 waiters, 1 process', processes: 1, clients: 16, limit: 4 },
  { name: '100 waiters, 1 process', processes: 1, clients: 100, limit: 1.6 },
  { name: '16 waiters, 4 processes', processes: 4, clients: 16, limit: 3 },
  { name: '100 waiters, 4 processes', processes: 4, clients: 100, limit: 1.5 },
]
const MOST_UNFAIR = 1.05
/** One hand-off follows the other: each of four processes makes some hundred a second, and takes a minute until it has settled. */
const SETTLES_OF_FOUR = 10

export const handoff = loadScenario({
  name: 'handoff',
  measures: 'one exclusive lock that all clients want',
  peers: [spicelock, lockRpc, ...HANDOFF_FLOORS],
  others: [spicelockBefore, etcd3Lock, ...ON_REDIS],
  variants: LOADS.map(({ name, processes, clients }) => ({
    name,
    processes,
    clients,
    names: 1,
    isGate: processes === 1,
    settles: processes === 1 ? 1 : SETTLES_OF_FOUR,
  })),
  shown: { figure: 'cyclesPerSecond', unit: 'hand-offs a second' },
  targets: outcomes =>
    LOADS.flatMap(({ name: load, limit }): Target[] => [
      ratioTarget(
        outcomes,
        { load, figure: 'cyclesPerSecond', peer: spicelock, to: lockRpc, floors: HANDOFF_FLOORS },
        { name: `${load}: rate / Lock RPC`, limit, bound: 'at least', isGate: true },
      ),
      {
        name: `${load}: most / least served`,
        value: figureOf(outcomes, load, spicelock.name, 'unfairness')?.median,
        limit: MOST_UNFAIR,
        bound: 'at most',
      },
    ]),
})
