import { describeSetting } from '../../model/describe-value.js'
import { API_KEY, isApiKey } from '../api-key.js'
import { RelukkoInvalidError } from '../errors.js'
import type { RetryOptions } from './retries.js'
import type { ClientTls } from './tls/tls-options.js'

/** The settings of Relukko's Python client, under the same names where there are such: `docs/relukko.md` lists them all. */
export interface RelukkoClientOptions {
  /** How often a call is made while there is no answer, or one of 500 and above; 4 when not given. */
  readonly tries?: number
  /** Seconds before the second try; 5 when not given. */
  readonly delay?: number
  /** The factor of each pause over the one before; 2 when not given. Below 1, the pauses become shorter. */
  readonly backoff?: number
  /** Seconds that no pause exceeds; without end when not given. */
  readonly maxDelay?: number | null | undefined
  /** Repeats requests within each of the `tries`, by the counts of urllib3's Retry; not when not given. */
  readonly retry?: RetryOptions | null | undefined
  /** Seconds between the tries of a waiter without a WebSocket; 2 when not given. */
  readonly acquireWaitForTimeout?: number
  /** A waiter with a WebSocket tries again after this many `acquireWaitForTimeout` at the latest; 100 when not given. */
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
  /** How many redirects in a row are followed; 30 when not given, 0 for none. */
  readonly maxRedirects?: number
  /**
   * Origins, such as `https://locks-2.example:3000`, besides that of `baseUrl`, to which a redirect may lead. They are sent the API
   * key and the `headers`; no redirect to another origin is followed, nor one from https to http.
   */
  readonly trustedOrigins?: readonly string[]
  /**
   * URL of an HTTP proxy, with user and password if need be; null for none. When it is not given, and `trustEnv` is not false,
   * `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` in the environment say it. The WebSocket does not pass a proxy: a
   * waiter asks again every `acquireWaitForTimeout` then.
   */
  readonly proxy?: string | null | undefined
  /** False ignores what the environment says of proxies and authorities. What is given here counts before it in any case. */
  readonly trustEnv?: boolean
  /** Ends all calls with its reason. */
  readonly signal?: AbortSignal | null | undefined
}

type WithoutDefault = 'maxDelay' | 'retry' | 'proxy' | 'signal'

export type ClientSettings = Required<Omit<RelukkoClientOptions, WithoutDefault>> & {
  readonly [Name in Exclude<WithoutDefault, 'proxy'>]?: NonNullable<RelukkoClientOptions[Name]>
} & {
  /** Null: not even that of the environment. */
  readonly proxy?: string | null
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
  maxRedirects: 30,
  trustedOrigins: [],
  trustEnv: true,
}

/** What was given, over what was set before; null takes it away, and `proxy: null` stays, as it is an answer of its own. */
export function settingsOf(before: ClientSettings, options: RelukkoClientOptions): ClientSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const after = { ...before, ...(Object.fromEntries(given) as RelukkoClientOptions) }
  const names = Object.entries(after.headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  // Copies: later changes to the objects of the caller have not been checked.
  const known = Object.entries({
    ...after,
    headers: Object.fromEntries(names),
    tls: { ...after.tls },
    retry: after.retry && { ...after.retry },
    trustedOrigins: after.trustedOrigins.map(origin => new URL(origin).origin),
  })
  const kept = known.filter(([name, value]) => name === 'proxy' || (value !== null && value !== undefined))
  return Object.fromEntries(kept) as unknown as ClientSettings
}

/** Without a slash at its end. @throws RelukkoInvalidError */
export function baseUrlOf(value: unknown): string {
  const text = value instanceof URL ? value.href : value
  const expected = 'a URL of http or https, without user, query or fragment'
  // What comes before an @ may be a password.
  const isSecret = typeof text === 'string' && text.includes('@')
  if (!isHttpUrl(text) || isSecret || /[?#]/.test(text)) {
    throw new RelukkoInvalidError(
      `'baseUrl' must be ${expected}${isSecret ? '' : `, got ${describeSetting(value)}`}.`,
    )
  }
  const { origin, pathname } = new URL(text)
  return origin + pathname.replace(/\/+$/, '')
}

/** @throws RelukkoInvalidError, which does not tell the key. */
export function apiKeyOf(value: unknown): string {
  if (isApiKey(value)) return value
  throw new RelukkoInvalidError(`'apiKey' must be ${API_KEY}.`)
}

export function isHttpUrl(value: unknown): value is string {
  return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}
