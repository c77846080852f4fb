import { validateHeaderName, validateHeaderValue } from 'node:http'
import { createSecureContext } from 'node:tls'
import { type Check, checkOptions } from '../../config/check-options.js'
import { shown } from '../../model/shown.js'
import { API_KEY, isApiKey } from '../api-key.js'
import { RelukkoInvalidError } from '../errors.js'

/** In PEM, as Node's `tls.connect` takes it. */
export interface ClientTls {
  /** Whom to trust, instead of the usual authorities. */
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  /** False accepts any server: for tests only. */
  readonly rejectUnauthorized?: boolean
}

/** The settings of Relukko's Python client, under the same names. */
export interface RelukkoClientOptions {
  /** How often a call is made while there is no answer, or one of 500 and above; 4 when not given. */
  readonly tries?: number
  /** Seconds before the second try; 5 when not given. */
  readonly delay?: number
  /** By how much each pause is longer than the one before; 2 when not given. */
  readonly backoff?: number
  /** Seconds that no pause exceeds; without end when not given. */
  readonly maxDelay?: number | null | undefined
  /** Seconds between tries of one who waits without a WebSocket; 2 when not given. */
  readonly acquireWaitForTimeout?: number
  /** One who waits with a WebSocket tries after so many `acquireWaitForTimeout` at the latest; 100 when not given. */
  readonly acquireModulo?: number
  /**
   * `acquireRelukko` throws a LockUnavailableError instead of resolving to null when its time is over; false when not given.
   * (The Python client's setting of this name, true when not given, decides otherwise: whether what goes wrong is raised or
   * returned. Here that is always thrown, and there the end of the time is always `None`.)
   */
  readonly raiseWhenAcquireFails?: boolean
  /** Waits by asking again only. */
  readonly disableWebsocket?: boolean
  /** Seconds between pings; 60 when not given, 0 for none. */
  readonly wsPingInterval?: number
  /** Seconds after which a ping that is not answered ends the WebSocket; 20 when not given. */
  readonly wsPingTimeout?: number
  /** Seconds that it may take to open the WebSocket; 2 when not given. */
  readonly wsWaitForTimeout?: number
  /** Seconds that an answer may take; 30 when not given. */
  readonly timeout?: number
  readonly tls?: ClientTls
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>
  /** URL of an HTTP proxy, with user and password if need be. One who waits asks again then, since the WebSocket does not pass it. */
  readonly proxy?: string | null | undefined
  /** Ends all calls with its reason. */
  readonly signal?: AbortSignal | null | undefined
}

type WithoutDefault = 'maxDelay' | 'proxy' | 'signal'

export type ClientSettings = Required<Omit<RelukkoClientOptions, WithoutDefault>> & {
  readonly [Name in WithoutDefault]?: NonNullable<RelukkoClientOptions[Name]>
}

export const DEFAULTS: ClientSettings = {
  tries: 4,
  delay: 5,
  backoff: 2,
  acquireWaitForTimeout: 2,
  acquireModulo: 100,
  raiseWhenAcquireFails: false,
  disableWebsocket: false,
  wsPingInterval: 60,
  wsPingTimeout: 20,
  wsWaitForTimeout: 2,
  timeout: 30,
  tls: {},
  headers: {},
}

const from = (least: number): Check => [
  `a number from ${least} on`,
  value => typeof value === 'number' && value >= least && value < Infinity,
]
const countFrom = (least: number): Check => [
  `an integer from ${least} on`,
  value => Number.isSafeInteger(value) && (value as number) >= least,
]
const positive: Check = [
  'a number above 0',
  value => typeof value === 'number' && value > 0 && value < Infinity,
]
const boolean: Check = ['true or false', value => typeof value === 'boolean']
const tls: Check = [`an object of 'ca', 'cert' and 'key' in PEM and 'rejectUnauthorized'`, isTls, 'secret']
const headers: Check = [
  `an object of header names and texts, without x-api-key, which is an argument of its own`,
  isHeaders,
  'secret',
]
const proxy: Check = ['the URL of a proxy, of http or https', value => isHttpUrl(value), 'secret']
const signal: Check = [
  'an AbortSignal',
  value => typeof (value as AbortSignal | null)?.throwIfAborted === 'function',
]
const orNull = ([expected, isRight, secret]: Check): Check => [
  `${expected}, or null for none`,
  value => value === null || isRight(value),
  ...((secret ? [secret] : []) as ['secret']),
]

const CHECKS: Readonly<Record<keyof RelukkoClientOptions, Check>> = {
  tries: countFrom(1),
  delay: from(0),
  backoff: from(1),
  maxDelay: orNull(from(0)),
  acquireWaitForTimeout: positive,
  acquireModulo: countFrom(1),
  raiseWhenAcquireFails: boolean,
  disableWebsocket: boolean,
  wsPingInterval: from(0),
  wsPingTimeout: positive,
  wsWaitForTimeout: positive,
  timeout: positive,
  tls,
  headers,
  proxy: orNull(proxy),
  signal: orNull(signal),
}

/** @throws RelukkoInvalidError naming the option that is unknown or wrong. */
export function checkClientOptions(options: unknown): asserts options is RelukkoClientOptions {
  checkOptions(options, CHECKS, problem => new RelukkoInvalidError(`RelukkoClient: ${problem}`))
}

/** What was given, over what was set before; null takes it away. */
export function settingsOf(before: ClientSettings, options: RelukkoClientOptions): ClientSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const after = { ...before, ...(Object.fromEntries(given) as RelukkoClientOptions) }
  const names = Object.entries(after.headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  const known = Object.entries({ ...after, headers: Object.fromEntries(names) })
  return Object.fromEntries(known.filter(([, value]) => value !== null)) as unknown as ClientSettings
}

/** Without a slash at its end. @throws RelukkoInvalidError */
export function baseUrlOf(value: unknown): string {
  const text = value instanceof URL ? value.href : value
  const expected = 'a URL of http or https, without user, query or fragment'
  // What comes before an @ may be a password.
  const isSecret = typeof text === 'string' && text.includes('@')
  if (!isHttpUrl(text) || isSecret || /[?#]/.test(text)) {
    throw new RelukkoInvalidError(`'baseUrl' must be ${expected}${isSecret ? '' : `, got ${shown(value)}`}.`)
  }
  const { origin, pathname } = new URL(text)
  return origin + pathname.replace(/\/+$/, '')
}

/** @throws RelukkoInvalidError, which does not tell the key. */
export function apiKeyOf(value: unknown): string {
  if (isApiKey(value)) return value
  throw new RelukkoInvalidError(`'apiKey' must be ${API_KEY}.`)
}

function isHttpUrl(value: unknown): value is string {
  return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}

function isHeaders(value: unknown): boolean {
  return isObject(value) && Object.entries(value).every(([name, text]) => isHeader(name, text))
}

function isHeader(name: string, value: unknown): boolean {
  return (
    typeof value === 'string' &&
    name.toLowerCase() !== 'x-api-key' &&
    doesNotThrow(() => {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    })
  )
}

function isTls(value: unknown): boolean {
  if (!isObject(value)) return false
  const { rejectUnauthorized = true, ca, cert, key, ...unknown } = value as ClientTls
  return (
    Object.keys(unknown).length === 0 &&
    typeof rejectUnauthorized === 'boolean' &&
    doesNotThrow(() => createSecureContext({ ca, cert, key }))
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function doesNotThrow(work: () => void): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
