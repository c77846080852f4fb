import { parseArgs } from 'node:util'
import { wholeNumber } from '../../../bench/whole-number.js'
import { mistakes } from './mistakes.js'

export interface SimulateOptions {
  readonly runs: number
  /** Of the first run; each further run has the next. */
  readonly seed: number
  readonly isVerbose: boolean
  readonly mistake: string | undefined
}

export const USAGE = `Usage: npm run simulate -- [options]

  --runs N           how many runs (default 10000)
  --seed N           of the first run; each further run has the next (default 1)
  --verbose          print all that happens: for one run
  --mistake TEXT     make a mistake, to see that it is found; one of:
${Object.keys(mistakes)
  .map(name => `                       ${name}`)
  .join('\n')}

Ends with 1 when a run broke a promise; its seed, with --runs 1, repeats it exactly.`

/** Undefined when help was asked for. Throws an error that names the wrong option. */
export function simulateOptions(args: string[]): SimulateOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      verbose: { type: 'boolean', default: false },
      mistake: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const { mistake } = values
  if (mistake !== undefined && !Object.hasOwn(mistakes, mistake)) {
    throw new Error(`--mistake must be one of those that --help lists, got '${mistake}'`)
  }
  return {
    runs: wholeNumber('runs', values.runs, 1),
    seed: wholeNumber('seed', values.seed, 0),
    isVerbose: values.verbose,
    mistake,
  }
}
