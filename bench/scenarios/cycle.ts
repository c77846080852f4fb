import { FLOOR, ON_ETCD, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { rawPuts } from '../peers/raw-puts.js'
import { spicelock, spicelockHandle } from '../peers/spicelock.js'
import { ratio, type Scenario } from './scenario.js'

export const cycle: Scenario = {
  name: 'cycle',
  measures: 'acquire and release, one client, nobody else',
  peers: [...ON_ETCD, ...ON_REDIS, ...FLOOR],
  variants: [{ name: 'one client', processes: 1, clients: 1, names: 1 }],
  shown: { figure: 'cycleP50', unit: 'ms, p50' },
  targets: ([outcome]) =>
    [spicelock, spicelockHandle].flatMap(({ name }) => [
      {
        name: `${name}: p50 / two raw puts`,
        value: ratio(outcome!, 'cycleP50', name, rawPuts.name),
        limit: 1.1,
        bound: 'at most',
      },
      {
        name: `${name}: p50 / Lock RPC`,
        value: ratio(outcome!, 'cycleP50', name, lockRpc.name),
        limit: 1,
        bound: 'at most',
      },
      {
        name: `${name}: p99 / Lock RPC`,
        value: ratio(outcome!, 'cycleP99', name, lockRpc.name),
        limit: 1,
        bound: 'at most',
      },
    ]),
}
