import { etcd3Lock } from '../peers/etcd3-lock.js'
import { COMBINED_FLOORS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { spicelock } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { ratioTarget } from './ratio-target.js'

const LOADS = [1, 3].flatMap(members =>
  [64, 256].map(names => ({
    name: `${names} names, ${members === 1 ? 'one member' : 'three members'}`,
    members,
    names,
    clients: names,
    processes: 4,
  })),
)

export const processes = loadScenario({
  name: 'processes',
  measures: 'acquire and release of as many names as clients, in 4 processes',
  peers: [spicelock, lockRpc, ...COMBINED_FLOORS],
  others: [etcd3Lock],
  variants: LOADS,
  shown: { figure: 'cyclesPerSecond', unit: 'cycles a second' },
  targets: outcomes =>
    LOADS.map(({ name: load }) =>
      ratioTarget(
        outcomes,
        { load, figure: 'cyclesPerSecond', peer: spicelock, to: lockRpc, floors: COMBINED_FLOORS },
        { name: `${load}: rate / Lock RPC`, limit: 3, bound: 'at least' },
      ),
    ),
})
