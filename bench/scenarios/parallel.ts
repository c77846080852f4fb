import { etcd3Lock } from '../peers/etcd3-lock.js'
import { COMBINED_FLOORS, ON_ETCD, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import type { Peer } from '../peers/peer.js'
import { spicelock, spicelockRoomy } from '../peers/spicelock.js'
import { spicelockBefore } from '../peers/spicelock-kinds.js'
import { loadScenario } from './load-scenario.js'
import { ratioTarget } from './ratio-target.js'
import type { Target } from './scenario.js'

export const parallel = loadScenario({
  name: 'parallel',
  measures: 'acquire and release of as many names as clients, one process',
  peers: [...ON_ETCD, ...COMBINED_FLOORS],
  others: [spicelockRoomy, spicelockBefore, ...ON_REDIS],
  variants: [64, 256].map(count => ({
    name: `${count} names`,
    processes: 1,
    clients: count,
    names: count,
    isGate: count === 64,
  })),
  shown: { figure: 'cyclesPerSecond', unit: 'cycles a second' },
  targets(outcomes): Target[] {
    const target = (
      load: string,
      figure: 'cyclesPerSecond' | 'cycleP50',
      to: Peer,
      rest: Pick<Target, 'name' | 'limit' | 'isGate'>,
    ): Target =>
      ratioTarget(
        outcomes,
        { load, figure, peer: spicelock, to, floors: COMBINED_FLOORS },
        { ...rest, bound: figure === 'cycleP50' ? 'at most' : 'at least' },
      )
    const rate = { name: '64 names: rate / Lock RPC', limit: 4, isGate: true }
    const rateOfMany = { name: '256 names: rate / Lock RPC', limit: 6, isGate: true }
    return [
      target('64 names', 'cyclesPerSecond', lockRpc, rate),
      target('64 names', 'cyclesPerSecond', etcd3Lock, { name: '64 names: rate / etcd3', limit: 8 }),
      target('64 names', 'cycleP50', lockRpc, { name: '64 names: p50 / Lock RPC', limit: 1 }),
      target('256 names', 'cyclesPerSecond', lockRpc, rateOfMany),
      target('256 names', 'cycleP50', lockRpc, { name: '256 names: p50 / Lock RPC', limit: 1 }),
    ]
  },
})
