import { etcd3Lock } from '../peers/etcd3-lock.js'
import { handoffFloor } from '../peers/floor/handoff-floor.js'
import { ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import type { Peer } from '../peers/peer.js'
import { spicelock, spicelockHandle } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, type Target } from './scenario.js'

const HOLD_MS = 10

const LOADS = [16, 100].map(clients => ({
  name: `${clients} clients`,
  clients,
  names: 1,
  processes: 1,
  holdMs: HOLD_MS,
  until: 'all-served' as const,
}))

export const drain = loadScenario({
  name: 'drain',
  measures: 'clients that start together and hold one exclusive lock once, each for 10 ms',
  peers: [spicelock, handoffFloor],
  others: [spicelockHandle, lockRpc, etcd3Lock, ...ON_REDIS],
  variants: LOADS,
  shown: { figure: 'elapsed', unit: 'ms until all have held' },
  targets: outcomes =>
    LOADS.flatMap(({ name, clients }): Target[] => {
      const shareOf = (peer: Peer): number | undefined => {
        const elapsed = figureOf(outcomes, name, peer.name, 'elapsed')
        return elapsed && elapsed.median / (clients * HOLD_MS)
      }
      return [
        {
          name: `${name}: time / time of the holdings`,
          value: shareOf(spicelock),
          floor: shareOf(handoffFloor),
          limit: 1.1,
          bound: 'at most',
        },
      ]
    }),
})
