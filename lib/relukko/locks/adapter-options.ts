import { type Check, checkOptions } from '../../config/check-options.js'
import type { LockOptions } from '../../lock/api/index.js'
import { RelukkoInvalidError } from '../errors.js'

export interface RelukkoAdapterOptions extends Pick<
  LockOptions,
  'config' | 'store' | 'allowedPrefixes' | 'logger'
> {
  /** Under which the locks live: `custom` when not given. */
  readonly prefix?: string
  /** Seconds after its expiry at which a lock is freed: 180 when not given. */
  readonly graceSeconds?: number
}

const has = (method: string): ((value: unknown) => boolean) => {
  return value => typeof (value as Record<string, unknown> | null)?.[method] === 'function'
}
const any: Check = ['anything', () => true]

const CHECKS: Readonly<Record<keyof RelukkoAdapterOptions, Check>> = {
  config: any,
  store: ['a Store', has('commit')],
  prefix: any,
  allowedPrefixes: ['a list of prefixes', Array.isArray],
  graceSeconds: ['an integer from 0 on', value => Number.isInteger(value) && (value as number) >= 0],
  logger: ['a pino logger', has('info')],
}

/** @throws RelukkoInvalidError naming the option that is unknown or wrong. */
export function checkAdapterOptions(options: unknown): asserts options is RelukkoAdapterOptions {
  const refuse = (problem: string): Error => new RelukkoInvalidError(`RelukkoAdapter: ${problem}`)
  checkOptions(options, CHECKS, refuse)
  const { config, store } = options as RelukkoAdapterOptions
  if (config && store) throw refuse("give 'config' or 'store', not both.")
}
