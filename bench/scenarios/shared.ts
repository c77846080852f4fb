import { readersAlone, readersAndWriter, WRITER_PAUSE_MS } from '../peers/spicelock-kinds.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf } from './scenario.js'

const LOAD = `63 readers, and a writer every ${WRITER_PAUSE_MS} ms`

export const shared = loadScenario({
  name: 'shared',
  measures: 'readers of one lock, without and with a writer among them',
  peers: [readersAlone, readersAndWriter],
  variants: [{ name: LOAD, processes: 1, clients: 64, names: 1 }],
  shown: { figure: 'cyclesPerSecond', unit: 'turns of readers a second' },
  targets: outcomes => [
    {
      name: 'rate of the readers / without a writer',
      value: ratioOf(
        figureOf(outcomes, LOAD, readersAndWriter.name, 'cyclesPerSecond'),
        figureOf(outcomes, LOAD, readersAlone.name, 'cyclesPerSecond'),
      ),
      limit: 0.8,
      bound: 'at least',
    },
  ],
})
