import { validateHeaderName, validateHeaderValue } from 'node:http'
import { aBoolean, aSignal, type Check, checkOptions, countFrom } from '../../config/check-options.js'
import { RelukkoInvalidError } from '../errors.js'
import { isHttpUrl, type RelukkoClientOptions } from './client-options.js'
import { PROXY, proxyOf } from './http/proxy.js'
import type { RetryOptions } from './retries.js'
import { checkTls } from './tls/tls.js'
import { TLS_CHECKS } from './tls/tls-options.js'

const from = (least: number): Check => [
  `a number from ${least} on`,
  value => typeof value === 'number' && value >= least && value < Infinity,
]
const positive: Check = [
  'a number above 0',
  value => typeof value === 'number' && value > 0 && value < Infinity,
]
/** What is in it is checked by itself. */
const anObject: Check = ['an object', isObject, 'secret']
/** Those of the connection itself, which HTTP and the WebSocket write on their own, and the one with the key. */
const OWN_HEADERS = [
  ...['connection', 'content-length', 'expect', 'keep-alive', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'x-api-key'],
]
const headers: Check = [
  `an object of header names and texts, without x-api-key, which is an argument of its own, and without those of the connection: ${OWN_HEADERS.join(', ')}`,
  isHeaders,
  'secret',
]
const proxy: Check = [PROXY, value => typeof value === 'string' && proxyOf(value) !== undefined, 'secret']
const origins: Check = [
  'an array of origins, such as https://locks-2.example:3000',
  value => Array.isArray(value) && value.every(isOrigin),
  'secret',
]
const orNull = ([expected, isRight, secret]: Check): Check => [
  `${expected}, or null for none`,
  value => value === null || isRight(value),
  ...((secret ? [secret] : []) as ['secret']),
]

export const CLIENT_CHECKS: Readonly<Record<keyof RelukkoClientOptions, Check>> = {
  tries: countFrom(1),
  delay: from(0),
  backoff: from(0),
  maxDelay: orNull(from(0)),
  retry: orNull(anObject),
  acquireWaitForTimeout: positive,
  acquireModulo: countFrom(1),
  raiseWhenAcquireFails: aBoolean,
  disableWebsocket: aBoolean,
  wsPingInterval: from(0),
  wsPingTimeout: positive,
  wsWaitForTimeout: positive,
  timeout: positive,
  tls: anObject,
  headers,
  maxRedirects: countFrom(0),
  trustedOrigins: origins,
  proxy: orNull(proxy),
  trustEnv: aBoolean,
  signal: orNull(aSignal),
}

export const RETRY_CHECKS: Readonly<Record<keyof RetryOptions, Check>> = {
  total: countFrom(0),
  connect: countFrom(0),
  read: countFrom(0),
  status: countFrom(0),
  other: countFrom(0),
  backoffFactor: from(0),
  backoffMax: from(0),
  backoffJitter: from(0),
}

/** @throws RelukkoInvalidError naming the option that is unknown or wrong. */
export function checkClientOptions(options: unknown): asserts options is RelukkoClientOptions {
  const refuse = (problem: string): Error => new RelukkoInvalidError(`RelukkoClient: ${problem}`)
  checkOptions(options, CLIENT_CHECKS, refuse)
  const { tls, retry } = options as RelukkoClientOptions
  const within = (whole: string) => (problem: string) => refuse(`'${whole}': ${problem}`)
  checkOptions(retry ?? {}, RETRY_CHECKS, within('retry'))
  checkOptions(tls ?? {}, TLS_CHECKS, within('tls'))
  checkTls(tls ?? {})
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isHeaders(value: unknown): boolean {
  return isObject(value) && Object.entries(value).every(([name, text]) => isHeader(name, text))
}

function isHeader(name: string, value: unknown): boolean {
  if (typeof value !== 'string' || OWN_HEADERS.includes(name.toLowerCase())) return false
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}

function isOrigin(value: unknown): boolean {
  if (!isHttpUrl(value)) return false
  const { origin, href } = new URL(value)
  return href === `${origin}/`
}
