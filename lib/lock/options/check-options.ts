import {
  aBoolean,
  aFunction,
  aLogger,
  anything,
  aSignal,
  aStore,
  aText,
  type Check,
  checkOptions,
  prefixes,
} from '../../config/check-options.js'
import { InvalidLockError } from '../../model/errors.js'
import { describeValue } from '../../model/describe-value.js'
import type {
  AcquiredAllOptions,
  AcquiredOptions,
  AcquireOptions,
  ShortcutOptions,
  HoldAllOptions,
  HoldOptions,
  LockRequest,
  TryOptions,
} from './acquire-options.js'
import type { LockArgs, LockInstanceOptions, LockOptions } from './lock-options.js'

type Checks<Options> = Readonly<Record<keyof Options, Check>>

const WAIT: Checks<Omit<AcquireOptions, 'concurrency' | 'ttl'>> = {
  wait: anything,
  signal: aSignal,
  onWait: aFunction,
  allowReentry: aBoolean,
}
const KEPT: Checks<Pick<HoldOptions, 'keepAlive' | 'expiring'>> = {
  keepAlive: aBoolean,
  expiring: anything,
}
const TERMS: Checks<Pick<HoldOptions, 'concurrency' | 'ttl'>> = { concurrency: anything, ttl: anything }
const ON_LOST: Checks<Pick<AcquiredOptions, 'onLost'>> = {
  onLost: ["'throw' or 'ignore'", value => value === 'throw' || value === 'ignore'],
}
const REQUEST: Checks<LockRequest> = { name: anything, ...TERMS }

const acquire: Checks<AcquireOptions> = { ...TERMS, ...WAIT }
const hold: Checks<HoldOptions> = { ...acquire, ...KEPT }
const acquireAll: Checks<HoldAllOptions> = { ...WAIT, ...KEPT }
const acquired: Checks<AcquiredOptions> = { ...hold, ...ON_LOST }
const acquiredAll: Checks<AcquiredAllOptions> = { ...acquireAll, ...ON_LOST }
const shortcut: Checks<ShortcutOptions> = { ttl: anything, ...acquireAll }
const tryAcquire: Checks<TryOptions> = { ...TERMS, ...KEPT, signal: aSignal }

/** The options that belong to each way to acquire. */
const ACQUIRING = {
  acquire,
  hold,
  acquired,
  acquireAll,
  acquiredAll,
  exclusive: shortcut,
  shared: shortcut,
  semaphore: shortcut,
  tryAcquire,
} as const

const OTHERS = {
  events: { signal: aSignal },
  forceRelease: { reason: anything },
  list: { prefix: anything },
} as const

const COOKBOOK: Checks<LockArgs> = {
  suffix: aText,
  ...TERMS,
}

const COMMON: Checks<Omit<LockOptions, 'config' | 'store'>> = {
  prefix: anything,
  owner: anything,
  dryRun: aBoolean,
  allowedPrefixes: prefixes,
  logger: aLogger,
}
const LOCK: Checks<LockOptions> = { config: anything, store: aStore, ...COMMON }
const INSTANCE: Checks<LockInstanceOptions> = { configFile: anything, ...COMMON }

/** @throws InvalidLockError naming the option that is unknown, wrong, or without meaning for the call. */
export function checkOptionsOf(call: keyof typeof ACQUIRING | keyof typeof OTHERS, options: unknown): void {
  if (Object.hasOwn(OTHERS, call)) check(call, options, OTHERS[call as keyof typeof OTHERS])
  else check(call, options, ACQUIRING[call as keyof typeof ACQUIRING], ACQUIRING)
}

/** @throws InvalidLockError naming what is wrong with the list of locks to be taken at once. */
export function checkRequests(requests: unknown): asserts requests is readonly LockRequest[] {
  if (!Array.isArray(requests)) {
    throw new InvalidLockError(
      `acquireAll: the locks must be given as a list, got ${describeValue(requests)}.`,
    )
  }
  requests.forEach((request, at) => check(`acquireAll: requests[${at}]`, request, REQUEST, ACQUIRING))
}

/** @throws InvalidLockError naming the option that is unknown or wrong. */
export function checkLockOptions(options: unknown): asserts options is LockOptions {
  check('new Lock', options, LOCK)
  const { config, store } = options as Partial<LockOptions>
  if (config && store) throw new InvalidLockError("new Lock: give 'config' or 'store', not both.")
}

/** @throws InvalidLockError naming the option that is unknown or wrong. */
export function checkInstanceOptions(options: unknown): asserts options is LockInstanceOptions {
  check('getLockInstance', options, INSTANCE)
}

/** @throws InvalidLockError naming the option that is unknown or wrong. */
export function checkCookbookArgs(args: unknown): asserts args is LockArgs {
  check('cookbookLock', args, COOKBOOK)
}

/** The event and the listener of a handle. @throws InvalidLockError */
export function checkListener(call: 'on' | 'off', event: unknown, listener: unknown): void {
  if (event !== 'expiring') {
    throw new InvalidLockError(`${call}: the event must be 'expiring', got ${describeValue(event)}.`)
  }
  if (typeof listener !== 'function') {
    throw new InvalidLockError(`${call}: the listener must be a function, got ${describeValue(listener)}.`)
  }
}

/** @param others calls, which have other options: one of theirs is no typing mistake. */
function check(
  what: string,
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  others: Readonly<Record<string, object>> = {},
): void {
  const refuse = (problem: string): Error => new InvalidLockError(`${what}: ${problem}`)
  checkOptions(options, checks, refuse, [], name => {
    const where = Object.keys(others).filter(other => Object.hasOwn(others[other]!, name))
    return where.length > 0
      ? `the option '${name}' has no meaning here, but in: ${where.join(', ')}.`
      : undefined
  })
}
