import { curves } from './curves.js'
import { cycle } from './cycle.js'
import { drain } from './drain.js'
import { handoff } from './handoff.js'
import { hold } from './hold.js'
import { parallel } from './parallel.js'
import { processes } from './processes.js'
import type { Scenario } from './scenario.js'
import { semaphore } from './semaphore.js'
import { serve } from './serve.js'
import { sets } from './sets.js'
import { shared } from './shared.js'
import { start } from './start.js'
import { takeover } from './takeover.js'
import { waiters } from './waiters.js'

const ALL: readonly Scenario[] = [
  ...[cycle, parallel, processes, handoff, drain, semaphore, shared, sets],
  ...[hold, waiters, takeover, serve, start, curves],
]

/** All when none is named. @throws Error for a name that no scenario has. */
export function scenariosNamed(names: readonly string[]): Scenario[] {
  const unknown = names.find(name => ALL.every(scenario => scenario.name !== name))
  if (unknown !== undefined) {
    const list = ALL.map(({ name }) => name).join(', ')
    throw new Error(`there is no scenario '${unknown}'; there are ${list}`)
  }
  return names.length === 0 ? [...ALL] : ALL.filter(({ name }) => names.includes(name))
}
