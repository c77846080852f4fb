import { type Check, checkOptions } from '../config/check-options.js'
import { InvalidLockError } from '../model/errors.js'
import { shown } from '../model/shown.js'
import type { AcquiredAllOptions, AcquiredOptions, LockRequest } from './acquire-options.js'
import type { LockOptions } from './lock-options.js'

const has = (method: string): ((value: unknown) => boolean) => {
  return value => typeof (value as Record<string, unknown> | null)?.[method] === 'function'
}
const isBoolean = (value: unknown): boolean => typeof value === 'boolean'
const any: Check = ['anything', () => true]

/** What is not checked by those who use it. */
const ACQUIRE_ALL: Readonly<Record<keyof AcquiredAllOptions, Check>> = {
  wait: any,
  signal: ['an AbortSignal', has('throwIfAborted')],
  onWait: ['a function', value => typeof value === 'function'],
  allowReentry: ['true or false', isBoolean],
  keepAlive: ['true or false', isBoolean],
  expiring: any,
  onLost: ["'throw' or 'ignore'", value => value === 'throw' || value === 'ignore'],
}

const ACQUIRE: Readonly<Record<keyof AcquiredOptions, Check>> = {
  concurrency: any,
  ttl: any,
  ...ACQUIRE_ALL,
}

const REQUEST: Readonly<Record<keyof LockRequest, Check>> = { name: any, concurrency: any, ttl: any }

/** Of the calls whose options are few. */
const CALLS = {
  events: { signal: ACQUIRE_ALL.signal },
  forceRelease: { reason: any },
  list: { prefix: any },
}

const LOCK: Readonly<Record<keyof LockOptions, Check>> = {
  config: any,
  store: ['a Store', has('commit')],
  prefix: any,
  owner: any,
  dryRun: ['true or false', isBoolean],
  allowedPrefixes: ['a list of prefixes', Array.isArray],
  logger: ['a pino logger', has('info')],
}

/** @throws InvalidLockError naming the option that is unknown or wrong. */
export function checkAcquireOptions(options: unknown): asserts options is AcquiredOptions {
  check('acquire', options, ACQUIRE)
}

/** @throws InvalidLockError naming the option that is unknown or wrong. */
export function checkAcquireAllOptions(
  requests: unknown,
  options: unknown,
): asserts options is AcquiredAllOptions {
  if (!Array.isArray(requests)) {
    throw new InvalidLockError(`acquireAll: the locks must be given as a list, got ${shown(requests)}.`)
  }
  for (const request of requests) check('acquireAll', request, REQUEST)
  check('acquireAll', options, ACQUIRE_ALL)
}

/** @throws InvalidLockError naming the option that is unknown or wrong. */
export function checkOptionsOf(call: 'events' | 'forceRelease' | 'list', options: unknown): void {
  check(call, options, CALLS[call])
}

/** @throws InvalidLockError naming the option that is unknown or wrong. */
export function checkLockOptions(options: unknown): asserts options is LockOptions {
  check('new Lock', options, LOCK)
  const { config, store } = options as Partial<LockOptions>
  if (config && store) throw new InvalidLockError("new Lock: give 'config' or 'store', not both.")
}

function check(what: string, options: unknown, checks: Readonly<Record<string, Check>>): void {
  checkOptions(options, checks, problem => new InvalidLockError(`${what}: ${problem}`))
}
