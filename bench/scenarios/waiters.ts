import { spicelock } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import { figureOf, ratioOf, type Spread, spreadOf, type Target } from './scenario.js'

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
      // Whoever waits renews its lease three times per ttl, however many hand-offs there are meanwhile.
      const calls = (waiters: number): Spread | undefined =>
        differenceOf(of(waiters, 'calls'), of(waiters, 'renewals'))
      const bytes = (waiters: number): Spread | undefined => of(waiters, 'bytes')
      // Without a hand-off there is nothing by which it could be divided.
      const to = (figure: (waiters: number) => Spread | undefined): number | undefined =>
        rate === undefined ? undefined : (ratioOf(figure(many), figure(FEW)) ?? NaN)
      return [
        {
          name: `${nameOf(many)}: rate / of ${FEW}`,
          value: rate,
          limit: 0.7,
          bound: 'at least',
        },
        // Constant, but for what a hand-off does only now and then.
        {
          name: `${nameOf(many)}: calls but for renewals / of ${FEW}`,
          value: to(calls),
          limit: 1.2,
          bound: 'at most',
        },
        { name: `${nameOf(many)}: bytes / of ${FEW}`, value: to(bytes), limit: 1.2, bound: 'at most' },
      ]
    }),
})

/** Round by round. */
function differenceOf(figure: Spread | undefined, part: Spread | undefined): Spread | undefined {
  return figure && part && spreadOf(figure.each.map((value, round) => value - part.each[round]!))
}
