import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type Action, Simulation } from './simulation.js'

const options = { seed: 20_230_716, numRuns: 200 }
const age = fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.nat({ max: 6 }), fc.nat({ max: 60 }))

function actions(...kinds: Action['kind'][]): fc.Arbitrary<Action[]> {
  const action = fc.record({
    kind: fc.constantFrom(...kinds),
    client: fc.nat({ max: 4 }),
    age,
    concurrency: fc.nat({ max: 3 }),
    waits: fc.boolean(),
    seconds: fc.nat({ max: 10 }),
  })
  return fc.array(action, { maxLength: 80, size: 'max' })
}

const skews = fc.array(fc.integer({ min: -300, max: 300 }), { minLength: 2, maxLength: 5 })
const usual: Action['kind'][] = [
  'acquire',
  'acquire',
  'acquire',
  'release',
  'together',
  'together',
  'giveUp',
  'extend',
]

/** The sums of what happened, so that a property that never gets into the thick of it does not pass. */
function sums(all: readonly Simulation['stats'][]): Simulation['stats'] {
  return all.reduce((sum, stats) => {
    const names = Object.keys(stats) as (keyof Simulation['stats'])[]
    return Object.fromEntries(names.map(name => [name, sum[name] + stats[name]])) as Simulation['stats']
  })
}

describe('whatever the clients do, from whatever they saw,', () => {
  it('limits and queue are kept, tokens grow, and each transaction brings the truth', () => {
    const seen: Simulation['stats'][] = []
    fc.assert(
      fc.property(skews, actions(...usual), (clocks, schedule) => {
        const simulation = new Simulation(clocks, true)
        for (const action of schedule) simulation.act(action)
        simulation.drain()
        seen.push(simulation.stats)
      }),
      options,
    )
    const { behind, ...others } = sums(seen)
    expect(Math.min(...Object.values(others))).toBeGreaterThan(100)
    expect(behind).toBeGreaterThan(10)
  })

  it('the same holds when clients crash or lose their leases', () => {
    fc.assert(
      fc.property(skews, actions(...usual, 'loseLease', 'crash'), (clocks, schedule) => {
        const simulation = new Simulation(clocks, false)
        for (const action of schedule) simulation.act(action)
        simulation.drain()
      }),
      options,
    )
  })

  it('each grant keeps the limits even when the lock is deleted by hand', () => {
    fc.assert(
      fc.property(skews, actions(...usual, 'loseLease', 'crash', 'deleteByHand'), (clocks, schedule) => {
        const simulation = new Simulation(clocks, false)
        for (const action of schedule) simulation.act(action)
      }),
      options,
    )
  })
})
