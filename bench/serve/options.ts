import { parseArgs } from 'node:util'
import { wholeNumber } from '../whole-number.js'

export interface MeasureOptions {
  /** Of each load, in each round. */
  readonly seconds: number
  readonly rounds: number
  readonly locks: number
  readonly sockets: number
}

export const USAGE = `Usage: npm run measure -- [options]

  --seconds N   how long each load lasts, in each round (default 10)
  --rounds N    how often; medians are told (default 3)
  --locks N     how many are held when memory is read (default 10000)
  --sockets N   how many WebSockets listen when memory is read (default 1000)

Measures one server, in a process of its own, on an etcd of its own or on that of SPICELOCK_ENDPOINTS.`

/** Undefined when help was asked for. Throws an error that names the wrong option. */
export function measureOptions(args: string[]): MeasureOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '3' },
      locks: { type: 'string', default: '10000' },
      sockets: { type: 'string', default: '1000' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  return {
    seconds: secondsOf(values.seconds),
    rounds: wholeNumber('rounds', values.rounds, 1, 100),
    locks: wholeNumber('locks', values.locks, 1, 100_000),
    sockets: wholeNumber('sockets', values.sockets, 1, 10_000),
  }
}

/** Short loads measure nothing; the tests run them. */
function secondsOf(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  if (seconds >= 0.1 && seconds <= 3600) return seconds
  throw new Error(`--seconds must be a number from 0.1 to 3600, got '${text}'`)
}
