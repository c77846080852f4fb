import type { Logger } from 'pino'
import {
  aLogger,
  anything,
  aStore,
  type Check,
  checkOptions,
  countFrom,
  prefixes,
} from '../config/check-options.js'
import { isNetwork } from '../config/network.js'
import type { LockConfig } from '../config/schema.js'
import { isOwner, LONGEST_OWNER } from '../lock/api/index.js'
import { LockConfigError } from '../model/errors.js'
import { checkAllowedPrefix } from '../protocol/lock-name.js'
import { API_KEY, isApiKey } from '../relukko/api-key.js'
import type { Store } from '../store/store.js'
import type { TlsOptions } from './http/http.js'
import type { SignIn } from './auth/sessions.js'

export interface ServerOptions {
  /** How to reach etcd. */
  readonly config?: LockConfig
  /** Instead of `config`. */
  readonly store?: Store
  /** By the name of the client that uses the key. */
  readonly apiKeys: Readonly<Record<string, string>>
  /** The user of the page at `/`; no page when not given. */
  readonly signIn?: SignIn
  /** Under which the locks live: `custom` when not given. */
  readonly prefix?: string
  /** Further prefixes whose locks are shown and served under `/v2`. */
  readonly allowedPrefixes?: readonly string[]
  /** Seconds after its expiry at which a lock is freed: 180 when not given. */
  readonly graceSeconds?: number
  /** Serves https with these. A function is called at a new connection, at most once a second: it must not throw. */
  readonly tls?: TlsOptions | (() => TlsOptions)
  /** Addresses or networks of load balancers, which say in X-Forwarded-For whose request it is: none when not given. */
  readonly trustedProxies?: readonly string[]
  /** Seconds between pings of the WebSockets, and for their answers; 30 when not given. */
  readonly pingSeconds?: number
  /** Silent when not given. */
  readonly logger?: Logger
}

/** The name of the API key, or of the user who is signed in, is the owner of a lock that is taken without naming one. */
const AN_OWNER = `a non-empty text of at most ${LONGEST_OWNER} bytes`
const list = (isRight: (value: unknown) => boolean) => {
  return (value: unknown): boolean => Array.isArray(value) && value.every(isRight)
}

const CHECKS: Readonly<Record<keyof ServerOptions, Check>> = {
  config: anything,
  store: aStore,
  apiKeys: ['an object with a name and a key for each', isRecord, 'secret'],
  signIn: ['a user and a password', isSignIn, 'secret'],
  prefix: anything,
  allowedPrefixes: prefixes,
  graceSeconds: countFrom(0),
  tls: ["an object with 'cert' and 'key' in PEM", isTls, 'secret'],
  trustedProxies: [
    'a list of addresses or networks',
    list(item => typeof item === 'string' && isNetwork(item)),
  ],
  pingSeconds: ['a number of seconds over 0', value => Number.isFinite(value) && (value as number) > 0],
  logger: aLogger,
}

/** @throws LockConfigError naming the option that is unknown or wrong, and no secret; InvalidLockError for a prefix. */
export function checkServerOptions(options: unknown): asserts options is ServerOptions {
  checkOptions(options, CHECKS, refusal, ['apiKeys'])
  const { apiKeys, config, store, prefix, allowedPrefixes = [] } = options as ServerOptions
  for (const [name, key] of Object.entries(apiKeys)) {
    if (!isOwner(name)) throw refusal(`the name of a key must be ${AN_OWNER}.`)
    if (!isApiKey(key)) throw refusal(`the key of '${name}' must be ${API_KEY}.`)
  }
  if (config && store) throw refusal("give 'config' or 'store', not both.")
  for (const one of prefix === undefined ? allowedPrefixes : [prefix, ...allowedPrefixes]) {
    checkAllowedPrefix(one)
  }
}

function refusal(problem: string): LockConfigError {
  return new LockConfigError(`RelukkoServer: ${problem}`)
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value) && Object.keys(value ?? {}).length > 0
}

function isSignIn(value: unknown): boolean {
  const { user, password } = (value ?? {}) as Partial<Record<keyof SignIn, unknown>>
  return isOwner(user) && typeof password === 'string' && password !== ''
}

function isTls(value: unknown): boolean {
  const given = typeof value === 'function' ? (value as () => unknown)() : value
  const { cert, key, clientCa = key } = (given ?? {}) as Partial<TlsOptions>
  return [cert, key, clientCa].every(pem => Buffer.isBuffer(pem))
}
