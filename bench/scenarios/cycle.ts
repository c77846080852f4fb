import { FLOOR, ON_ETCD, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { rawPuts } from '../peers/raw-puts.js'
import { spicelock, spicelockHandle } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf, type Target } from './scenario.js'

const LOAD = 'one client'

export const cycle = loadScenario({
  name: 'cycle',
  measures: 'acquire and release, one client, nobody else',
  peers: [...ON_ETCD, ...ON_REDIS, ...FLOOR],
  variants: [{ name: LOAD, processes: 1, clients: 1, names: 1, isGate: true }],
  shown: { figure: 'cycleP50', unit: 'ms, p50' },
  targets: outcomes =>
    [spicelock, spicelockHandle].flatMap(({ name }): Target[] => {
      const to = (figure: string, other: string): number | undefined =>
        ratioOf(figureOf(outcomes, LOAD, name, figure), figureOf(outcomes, LOAD, other, figure))
      return [
        {
          name: `${name}: p50 / two raw puts`,
          value: to('cycleP50', rawPuts.name),
          limit: 1.1,
          bound: 'at most',
        },
        {
          name: `${name}: p50 / Lock RPC`,
          value: to('cycleP50', lockRpc.name),
          limit: 1,
          bound: 'at most',
          isGate: true,
        },
        { name: `${name}: p99 / Lock RPC`, value: to('cycleP99', lockRpc.name), limit: 1, bound: 'at most' },
      ]
    }),
})
