import { SEMAPHORES_ON_REDIS } from '../peers/index.js'
import { lockRpc } from '../peers/lock-rpc.js'
import { LIMIT, semaphoreBefore, spicelockSemaphore } from '../peers/spicelock-kinds.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf } from './scenario.js'

const CLIENTS = 64

const LOADS = [1, 4].map(processes => ({
  name: `limit ${LIMIT}, ${CLIENTS} clients, ${processes} process${processes === 1 ? '' : 'es'}`,
  processes,
  clients: CLIENTS,
  names: 1,
}))

export const semaphore = loadScenario({
  name: 'semaphore',
  measures: `a lock with ${LIMIT} holders; etcd's own lock, which has one, is a yardstick`,
  peers: [spicelockSemaphore, semaphoreBefore],
  others: [lockRpc, ...SEMAPHORES_ON_REDIS],
  variants: LOADS,
  shown: { figure: 'cyclesPerSecond', unit: 'hand-offs a second' },
  targets: outcomes =>
    LOADS.map(({ name }) => ({
      name: `${name}: rate / earlier build`,
      value: ratioOf(
        figureOf(outcomes, name, spicelockSemaphore.name, 'cyclesPerSecond'),
        figureOf(outcomes, name, semaphoreBefore.name, 'cyclesPerSecond'),
      ),
      limit: 3,
      bound: 'at least',
    })),
})
