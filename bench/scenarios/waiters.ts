import { spicelock } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf, type Spread, type Target } from './scenario.js'

const nameOf = (waiters: number): string => `${waiters.toLocaleString('en')} waiters`
const FEW = 100
const MANY = [1000, 10_000]

export const waiters = loadScenario({
  name: 'waiters',
  measures: 'hand-offs of one exclusive lock for which so many wait all the time',
  peers: [spicelock],
  variants: [FEW, ...MANY].map(clients => ({
    name: nameOf(clients),
    processes: 1,
    clients,
    names: 1,
    gathers: true,
    isLarge: clients > 1000,
  })),
  shown: { figure: 'cyclesPerSecond', unit: 'hand-offs a second' },
  targets: outcomes =>
    MANY.flatMap((many): Target[] => {
      const of = (waiters: number, figure: string): Spread | undefined =>
        figureOf(outcomes, nameOf(waiters), spicelock.name, figure)
      const rate = ratioOf(of(many, 'cyclesPerSecond'), of(FEW, 'cyclesPerSecond'))
      // Without a hand-off there is nothing by which it could be divided.
      const to = (figure: string): number | undefined =>
        rate === undefined ? undefined : (ratioOf(of(many, figure), of(FEW, figure)) ?? NaN)
      return [
        {
          name: `${nameOf(many)}: rate / of ${FEW}`,
          value: rate,
          limit: 0.7,
          bound: 'at least',
        },
        // Constant, but for what a hand-off does only now and then.
        { name: `${nameOf(many)}: calls / of ${FEW}`, value: to('calls'), limit: 1.2, bound: 'at most' },
        { name: `${nameOf(many)}: bytes / of ${FEW}`, value: to('bytes'), limit: 1.2, bound: 'at most' },
      ]
    }),
})
