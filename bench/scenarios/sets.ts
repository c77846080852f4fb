import { lockRpcSequence } from '../peers/index.js'
import { spicelockSequence, spicelockSet } from '../peers/spicelock-kinds.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf } from './scenario.js'

const LOAD = '8 of 64 names, 16 clients'

export const sets = loadScenario({
  name: 'sets',
  measures: 'several locks at once: all or none, or one after the other in an order that all keep',
  peers: [spicelockSet, spicelockSequence, lockRpcSequence],
  variants: [{ name: LOAD, processes: 1, clients: 16, names: 64, take: 8 }],
  shown: { figure: 'cyclesPerSecond', unit: 'sets a second' },
  targets: outcomes => [
    {
      name: 'rate / one by one',
      value: ratioOf(
        figureOf(outcomes, LOAD, spicelockSet.name, 'cyclesPerSecond'),
        figureOf(outcomes, LOAD, spicelockSequence.name, 'cyclesPerSecond'),
      ),
      limit: 3,
      bound: 'at least',
    },
  ],
})
