import { etcd3Lock } from '../peers/etcd3-lock.js'
import { combinedFloor } from '../peers/floor/cycle-floor.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { spicelock } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { ratioTarget } from './ratio-target.js'

const FLOOR = combinedFloor(1)

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
  peers: [spicelock, lockRpc, FLOOR],
  others: [etcd3Lock],
  variants: LOADS,
  shown: { figure: 'cyclesPerSecond', unit: 'cycles a second' },
  targets: outcomes =>
    LOADS.map(({ name: load }) =>
      ratioTarget(
        outcomes,
        { load, figure: 'cyclesPerSecond', peer: spicelock, to: lockRpc, floors: [FLOOR] },
        { name: `${load}: rate / Lock RPC`, limit: 3, bound: 'at least' },
      ),
    ),
})
