import {
  aLogger,
  anything,
  aStore,
  type Check,
  checkOptions,
  countFrom,
  prefixes,
} from '../../config/check-options.js'
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

const CHECKS: Readonly<Record<keyof RelukkoAdapterOptions, Check>> = {
  config: anything,
  store: aStore,
  prefix: anything,
  allowedPrefixes: prefixes,
  graceSeconds: countFrom(0),
  logger: aLogger,
}

/** @throws RelukkoInvalidError naming the option that is unknown or wrong. */
export function checkAdapterOptions(options: unknown): asserts options is RelukkoAdapterOptions {
  const refuse = (problem: string): Error => new RelukkoInvalidError(`RelukkoAdapter: ${problem}`)
  checkOptions(options, CHECKS, refuse)
  const { config, store } = options as RelukkoAdapterOptions
  if (config && store) throw refuse("give 'config' or 'store', not both.")
}
