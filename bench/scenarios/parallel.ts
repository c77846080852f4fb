import { etcd3Lock } from '../peers/etcd3-lock.js'
import { ON_ETCD, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { spicelock } from '../peers/spicelock.js'
import { ratio, type Scenario } from './scenario.js'

export const parallel: Scenario = {
  name: 'parallel',
  measures: 'acquire and release of as many names as clients, one process',
  peers: [...ON_ETCD, ...ON_REDIS],
  variants: [64, 256].map(count => ({ name: `${count} names`, processes: 1, clients: count, names: count })),
  shown: { figure: 'cyclesPerSecond', unit: 'cycles a second' },
  targets: ([at64, at256]) => {
    const { name } = spicelock
    return [
      {
        name: '64 names: rate / Lock RPC',
        value: ratio(at64!, 'cyclesPerSecond', name, lockRpc.name),
        limit: 4,
        bound: 'at least',
      },
      {
        name: '64 names: rate / etcd3',
        value: ratio(at64!, 'cyclesPerSecond', name, etcd3Lock.name),
        limit: 8,
        bound: 'at least',
      },
      {
        name: '64 names: p50 / Lock RPC',
        value: ratio(at64!, 'cycleP50', name, lockRpc.name),
        limit: 1,
        bound: 'at most',
      },
      {
        name: '256 names: rate / Lock RPC',
        value: ratio(at256!, 'cyclesPerSecond', name, lockRpc.name),
        limit: 6,
        bound: 'at least',
      },
    ]
  },
}
