import { parseArgs } from 'node:util'
import { wholeNumber } from '../../bench/whole-number.js'

export interface DemoOptions {
  readonly seconds: number
  readonly workers: number
  /** Makes the workers take no locks at all, to show that the check finds it. */
  readonly withoutLocks: boolean
}

export const USAGE = `Usage: npm run demo -- [options]

  --seconds N       how long to run, 1 to 3600 (default 15)
  --workers N       how many processes, 2 to 64 (default 6)
  --without-locks   take no locks: shows that the check finds violations

Runs on an etcd of its own, or on that of SPICELOCK_ENDPOINTS (URLs, comma separated).`

/** Undefined when help was asked for. Throws an error that names the wrong option. */
export function demoOptions(args: string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '15' },
      workers: { type: 'string', default: '6' },
      'without-locks': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  return {
    seconds: wholeNumber('seconds', values.seconds, 1, 3600),
    workers: wholeNumber('workers', values.workers, 2, 64),
    withoutLocks: values['without-locks'],
  }
}
