import { LONE_FLOORS, ON_ETCD, ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { rawPuts } from '../peers/raw-puts.js'
import { spicelock, spicelockHandle } from '../peers/spicelock.js'
import { spicelockBefore } from '../peers/spicelock-kinds.js'
import { loadScenario } from './load-scenario.js'
import { ratioTarget } from './ratio-target.js'

const LOAD = 'one client'
/** Of some hundred cycles a second, it takes thousands. */
const SETTLES = 2

export const cycle = loadScenario({
  name: 'cycle',
  measures: 'acquire and release, one client, nobody else',
  peers: [...ON_ETCD, rawPuts, ...LONE_FLOORS],
  others: [spicelockBefore, ...ON_REDIS],
  variants: [{ name: LOAD, processes: 1, clients: 1, names: 1, isGate: true, settles: SETTLES }],
  shown: { figure: 'cycleP50', unit: 'ms, p50' },
  targets: outcomes =>
    [spicelock, spicelockHandle].flatMap(peer => {
      const { name } = peer
      const compared = { load: LOAD, peer, floors: LONE_FLOORS }
      const p50 = { ...compared, figure: 'cycleP50' }
      const p99 = { ...compared, figure: 'cycleP99' }
      return [
        ratioTarget(
          outcomes,
          { ...p50, to: rawPuts },
          { name: `${name}: p50 / two raw puts`, limit: 1.1, bound: 'at most' },
        ),
        ratioTarget(
          outcomes,
          { ...p50, to: lockRpc },
          { name: `${name}: p50 / Lock RPC`, limit: 1, bound: 'at most', isGate: true },
        ),
        ratioTarget(
          outcomes,
          { ...p99, to: lockRpc },
          { name: `${name}: p99 / Lock RPC`, limit: 1, bound: 'at most' },
        ),
      ]
    }),
})
