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
  readonly maxDelay?: number | undefined
  /** Seconds between tries of one who waits without a WebSocket; 2 when not given. */
  readonly acquireWaitForTimeout?: number
  /** One who waits with a WebSocket tries after so many `acquireWaitForTimeout` at the latest; 100 when not given. */
  readonly acquireModulo?: number
  /** `acquireRelukko` throws a LockUnavailableError instead of resolving to null. */
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
  /** URL of an HTTP proxy. One who waits asks again then, since the WebSocket does not pass it. */
  readonly proxy?: string
  /** Ends all calls with its reason. */
  readonly signal?: AbortSignal | undefined
}

export type ClientSettings = Required<Omit<RelukkoClientOptions, 'maxDelay' | 'proxy' | 'signal'>> &
  Pick<RelukkoClientOptions, 'maxDelay' | 'proxy' | 'signal'>

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
const object: Check = ['an object', value => typeof value === 'object' && value !== null]

const CHECKS: Readonly<Record<keyof RelukkoClientOptions, Check>> = {
  tries: countFrom(1),
  delay: from(0),
  backoff: from(1),
  maxDelay: from(0),
  acquireWaitForTimeout: positive,
  acquireModulo: countFrom(1),
  raiseWhenAcquireFails: boolean,
  disableWebsocket: boolean,
  wsPingInterval: from(0),
  wsPingTimeout: positive,
  wsWaitForTimeout: positive,
  timeout: positive,
  tls: object,
  headers: object,
  proxy: ['the URL of a proxy', value => typeof value === 'string' && URL.canParse(value)],
  signal: ['an AbortSignal', value => typeof (value as AbortSignal | null)?.throwIfAborted === 'function'],
}

/** @throws RelukkoInvalidError naming the option that is unknown or wrong. */
export function checkClientOptions(options: unknown): asserts options is RelukkoClientOptions {
  checkOptions(options, CHECKS, problem => new RelukkoInvalidError(`RelukkoClient: ${problem}`))
}

/** What was given, over what was set before. */
export function settingsOf(before: ClientSettings, options: RelukkoClientOptions): ClientSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...before, ...(Object.fromEntries(given) as RelukkoClientOptions) }
}

/** Without a slash at its end. @throws RelukkoInvalidError */
export function baseUrlOf(value: unknown): string {
  const text = value instanceof URL ? value.href : value
  if (typeof text === 'string' && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) {
    const { origin, pathname } = new URL(text)
    return origin + pathname.replace(/\/+$/, '')
  }
  throw new RelukkoInvalidError(`'baseUrl' must be a URL of http or https, got ${shown(value)}.`)
}

/** @throws RelukkoInvalidError, which does not tell the key. */
export function apiKeyOf(value: unknown): string {
  if (isApiKey(value)) return value
  throw new RelukkoInvalidError(`'apiKey' must be ${API_KEY}.`)
}
