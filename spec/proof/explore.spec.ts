import { describe, expect, it, jest } from '@jest/globals'
import { begin, nameOf } from './explore/configuration.js'
import { few } from './explore/configurations.js'
import { Explorer } from './explore/explorer.js'
import type { Mistake } from './explore/mistake.js'
import { mistakes } from './explore/mistakes.js'
import { mistakesOfComposing } from './explore/mistakes-of-composing.js'
import { mistakesOfForce } from './explore/mistakes-of-force.js'
import { mistakesOfSets } from './explore/mistakes-of-sets.js'
import { rules } from './explore/rules.js'
import { traceText } from './explore/trace.js'

jest.setTimeout(60_000)

describe('In every state that a few clients can get into, no rule is broken', () => {
  it.each(few.map(configuration => ({ name: nameOf(configuration), configuration })))(
    '$name',
    ({ configuration }) => {
      const { violation, isComplete } = new Explorer(() => begin(configuration)).run()
      expect(violation && traceText(violation.trace, violation.message)).toBeUndefined()
      expect(isComplete).toBe(true)
    },
  )
})

describe('The search finds a mistake', () => {
  const all: Readonly<Record<string, Mistake>> = {
    ...mistakes,
    ...mistakesOfComposing,
    ...mistakesOfForce,
    ...mistakesOfSets,
  }

  it.each(Object.keys(all))('%s', name => {
    const { broken, shows, as } = all[name]!
    const found = new Explorer(() => begin(shows, { ...rules, ...broken })).run()
    expect(found.violation?.message).toMatch(as)
  })

  it('and shows the way to it', () => {
    const { broken, shows } = mistakes['a grant drops the entries of others']
    const { violation } = new Explorer(() => begin(shows, { ...rules, ...broken })).run()
    expect(traceText(violation!.trace, violation!.message)).toMatchInlineSnapshot(`
     "  1. for a1: join entries a1 | holders a1(10) | queue - | leases 10 11 20 21 | a holding, b together
       2. for b1: join entries a1 | holders a1(10) | queue b1(21) | leases 10 11 20 21 | a holding, b grant
       3. b: grant
          => b1 takes away the holder key of a1"
    `)
  })
})
