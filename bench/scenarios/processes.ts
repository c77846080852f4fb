import { ON_ETCD } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { spicelock } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf } from './scenario.js'

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
  peers: ON_ETCD,
  variants: LOADS,
  shown: { figure: 'cyclesPerSecond', unit: 'cycles a second' },
  targets: outcomes =>
    LOADS.map(({ name }) => ({
      name: `${name}: rate / Lock RPC`,
      value: ratioOf(
        figureOf(outcomes, name, spicelock.name, 'cyclesPerSecond'),
        figureOf(outcomes, name, lockRpc.name, 'cyclesPerSecond'),
      ),
      limit: 3,
      bound: 'at least',
    })),
})
