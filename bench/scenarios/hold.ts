import { Backends } from '../backends/backends.js'
import type { Needed } from '../load/hold.js'
import { Child } from '../processes/child.js'
import { type Bench, type Figures, figureOf, type Outcome, type Scenario, spreadOf } from './scenario.js'

const PEER = 'spicelock, handle'
const FIRST = 1000
const nameOf = (held: number): string => `${held.toLocaleString('en')} held`

export const hold: Scenario = {
  name: 'hold',
  measures: 'locks that one process holds and renews',
  shown: { figure: 'heapMegabytes', unit: 'MB on the heap' },
  run,
  targets(outcomes) {
    const value = (held: number, figure: string): number | undefined =>
      figureOf(outcomes, nameOf(held), PEER, figure)?.median
    const more = [5000, 10_000, 100_000].filter(held => value(held, 'cpu') !== undefined)
    return [
      ...more.map(held => ({
        name: `${nameOf(held)}: a lock beyond the first ${FIRST}`,
        value: value(held, 'bytesEach'),
        limit: 1536,
        bound: 'at most' as const,
        unit: 'bytes',
      })),
      {
        name: `${nameOf(10_000)}: CPU`,
        value: value(10_000, 'cpu'),
        limit: 0.1,
        bound: 'at most',
        unit: 'of a core',
      },
      ...more.map(held => ({
        name: `${nameOf(held)}: p50 of one more / with ${FIRST} held`,
        value: value(held, 'cycleP50')! / value(FIRST, 'cycleP50')!,
        // Unchanged, as far as two medians of one machine can be alike.
        limit: 1.2,
        bound: 'at most' as const,
      })),
    ]
  },
}

async function run({ settings, progress }: Bench): Promise<Outcome[]> {
  await using backends = await Backends.start()
  const child = await Child.start('hold', backends.storesOf(0), ['--expose-gc'])
  try {
    const outcomes: Outcome[] = []
    let first: Needed | undefined
    for (const held of settings.mode === 'whole' ? [FIRST, 10_000, 100_000] : [FIRST, 5000]) {
      progress(nameOf(held))
      const needed = await child.ask<Needed>(held)
      first ??= needed
      const figures = figuresOf(
        needed,
        held === FIRST ? undefined : (needed.heap - first.heap) / (held - FIRST),
      )
      outcomes.push({ name: nameOf(held), peers: { [PEER]: figures } })
    }
    return outcomes
  } finally {
    await child.kill()
  }
}

function figuresOf({ heap, cpu, cycleP50, taken }: Needed, bytesEach: number | undefined): Figures {
  return {
    heapMegabytes: spreadOf([heap / 1e6]),
    ...(bytesEach !== undefined && { bytesEach: spreadOf([bytesEach]) }),
    cpu: spreadOf([cpu]),
    cycleP50: spreadOf(cycleP50),
    takenPerSecond: spreadOf([taken]),
  }
}
