import { ON_ETCD, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { spicelock } from '../peers/spicelock.js'
import { ratio, type Scenario, type Target } from './scenario.js'

/** Of the rate of etcd's Lock RPC, what is to be reached at least. */
const VARIANTS = [
  { processes: 1, clients: 16, limit: 4 },
  { processes: 1, clients: 100, limit: 1.6 },
  { processes: 4, clients: 16, limit: 3 },
  { processes: 4, clients: 100, limit: 1.5 },
]
const MOST_UNFAIR = 1.05

export const handoff: Scenario = {
  name: 'handoff',
  measures: 'one exclusive lock that all clients want',
  peers: [...ON_ETCD, ...ON_REDIS],
  variants: VARIANTS.map(({ processes, clients }) => ({
    name: `${clients} waiters, ${processes} process${processes === 1 ? '' : 'es'}`,
    processes,
    clients,
    names: 1,
  })),
  shown: { figure: 'cyclesPerSecond', unit: 'hand-offs a second' },
  targets: outcomes =>
    outcomes.flatMap((outcome, at): Target[] => {
      const { name } = handoff.variants[at]!
      return [
        {
          name: `${name}: rate / Lock RPC`,
          value: ratio(outcome, 'cyclesPerSecond', spicelock.name, lockRpc.name),
          limit: VARIANTS[at]!.limit,
          bound: 'at least',
        },
        {
          name: `${name}: most / least served`,
          value: outcome.get(spicelock.name)!.unfairness.median,
          limit: MOST_UNFAIR,
          bound: 'at most',
        },
      ]
    }),
}
