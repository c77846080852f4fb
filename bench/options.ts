import { parseArgs } from 'node:util'
import type { Rounds } from './scenarios/run-variant.js'
import { wholeNumber } from './whole-number.js'

export interface BenchOptions extends Rounds {
  /** Names of scenarios; all when there are none. */
  readonly scenarios: readonly string[]
  /** Without peers on Redis, and with short rounds. */
  readonly quick: boolean
  /** A file of results that none of the ratios may fall behind. */
  readonly compare: string | undefined
}

export const USAGE = `Usage: npm run bench -- [scenario …] [options]

  --quick          short rounds, and only what needs no Redis
  --rounds N       how often each peer runs each load; medians are told (default 5, quick 3)
  --seconds N      how long each load lasts, in each round (default 3, quick 1)
  --compare FILE   fail when a ratio is 20 % worse than in these results`

/** Undefined when help was asked for. Throws an error that names the wrong option. */
export function benchOptions(args: string[]): BenchOptions | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      compare: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const { quick } = values
  const seconds = wholeNumber('seconds', values.seconds ?? (quick ? '1' : '3'), 1, 600)
  return {
    scenarios: positionals,
    quick,
    rounds: wholeNumber('rounds', values.rounds ?? (quick ? '3' : '5'), 1, 100),
    warmSeconds: quick ? 0.5 : 1,
    seconds,
    compare: values.compare,
  }
}
