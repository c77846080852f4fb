import { etcd3Lock } from '../peers/etcd3-lock.js'
import { ON_ETCD, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { spicelock } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf, type Target } from './scenario.js'

export const parallel = loadScenario({
  name: 'parallel',
  measures: 'acquire and release of as many names as clients, one process',
  peers: [...ON_ETCD, ...ON_REDIS],
  variants: [64, 256].map(count => ({
    name: `${count} names`,
    processes: 1,
    clients: count,
    names: count,
    isGate: count === 64,
  })),
  shown: { figure: 'cyclesPerSecond', unit: 'cycles a second' },
  targets(outcomes): Target[] {
    const to = (load: string, figure: string, other: string): number | undefined =>
      ratioOf(figureOf(outcomes, load, spicelock.name, figure), figureOf(outcomes, load, other, figure))
    return [
      {
        name: '64 names: rate / Lock RPC',
        value: to('64 names', 'cyclesPerSecond', lockRpc.name),
        limit: 4,
        bound: 'at least',
        isGate: true,
      },
      {
        name: '64 names: rate / etcd3',
        value: to('64 names', 'cyclesPerSecond', etcd3Lock.name),
        limit: 8,
        bound: 'at least',
      },
      {
        name: '64 names: p50 / Lock RPC',
        value: to('64 names', 'cycleP50', lockRpc.name),
        limit: 1,
        bound: 'at most',
      },
      {
        name: '256 names: rate / Lock RPC',
        value: to('256 names', 'cyclesPerSecond', lockRpc.name),
        limit: 6,
        bound: 'at least',
        isGate: true,
      },
    ]
  },
})
