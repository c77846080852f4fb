import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Settings } from './scenarios/settings.js'
import { wholeNumber } from './whole-number.js'

export interface BenchOptions {
  /** Names of scenarios; all that are run by default when there are none. */
  readonly scenarios: readonly string[]
  readonly settings: Settings
  /** A folder for the results. */
  readonly results: string
  /** A folder with an earlier build. */
  readonly before: string | undefined
  /** A file of results that no ratio may fall behind. */
  readonly compare: string | undefined
  /** A file whose results of these scenarios are replaced. */
  readonly baseline: string | undefined
}

export const USAGE = `Usage: npm run bench -- [scenario …] [options]

  --quick          short rounds, smaller sizes, and only what needs no Redis
  --gate           for CI: only beside etcd's Lock RPC, in one process; fails when a ratio falls below its limit
  --rounds N       how often each peer runs each load; medians are told (default 5, quick 3)
  --seconds N      how long each load lasts, in each round (default 2, quick 1)
  --compare FILE   fail when a ratio is 20 % worse than in these results
  --baseline FILE  put the results into this file, beside those of other scenarios that it has
  --before DIR     the earlier build to compare with, a folder with dist (default: from the history)
  --profile        write CPU profiles of our own clients to bench/results/profiles, and tell who used it`

const RESULTS = 'bench/results'
/** Rounds, and seconds of each load, of its warm-up, and until a process has settled. */
const DEFAULTS = { whole: [5, 2, 0.5, 6], quick: [3, 1, 0.3, 1], gate: [3, 0.4, 0.2, 0.6] } as const

/** Undefined when help was asked for. @throws Error naming the wrong option. */
export function benchOptions(args: string[]): BenchOptions | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      compare: { type: 'string' },
      baseline: { type: 'string' },
      before: { type: 'string' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const mode = values.gate ? 'gate' : values.quick ? 'quick' : 'whole'
  const [rounds, seconds, warmSeconds, settleSeconds] = DEFAULTS[mode]
  return {
    scenarios: positionals,
    settings: {
      mode,
      rounds: values.rounds === undefined ? rounds : wholeNumber('rounds', values.rounds, 1, 100),
      seconds: values.seconds === undefined ? seconds : wholeNumber('seconds', values.seconds, 1, 600),
      warmSeconds,
      settleSeconds,
      ...(values.profile && { profiles: join(RESULTS, 'profiles') }),
    },
    // What was measured in a hurry, or slowed down by a profile, is not to be taken for what is published.
    results: values.profile ? join(RESULTS, 'profiled') : mode === 'whole' ? RESULTS : join(RESULTS, mode),
    before: values.before,
    compare: values.compare,
    baseline: values.baseline,
  }
}
