import { isIPv6 } from 'node:net'
import { describeSetting } from '../model/describe-value.js'
import { LockConfigError } from '../model/errors.js'

export const DEFAULT_PORT = 2379

/** Scheme, host and perhaps a port. (`URL` alone would drop the ports 80 and 443, and accept much more.) */
const ENDPOINT = /^https?:\/\/(?:\[[^\]]+\]|[^\s/\\?#@:]+)(?::([1-9]\d*))?\/?$/i

/**
 * A comma separated list of endpoints, in the form that the store takes.
 * @param source what the error names, for example an environment variable.
 * @throws LockConfigError
 */
export function parseEndpoints(list: string, source = 'endpoints'): string[] {
  return list.split(',').map(item => parseEndpoint(item.trim(), source))
}

/**
 * The endpoint in the form that the store takes: `scheme://host:port`.
 * @throws LockConfigError naming the source, the endpoint (without credentials) and what was expected.
 */
export function parseEndpoint(endpoint: string, source: string): string {
  const match = ENDPOINT.exec(endpoint)
  if (match && URL.canParse(endpoint)) {
    const { protocol, hostname } = new URL(endpoint)
    return `${protocol}//${hostname}:${match[1] ?? DEFAULT_PORT}`
  }
  throw new LockConfigError(
    `${source}: ${describeSetting(endpoint)} must be a URL like https://etcd1.example:2379, without path or credentials.`,
  )
}

/** Whether `host` is a name or an address, without scheme and port. */
export function isHost(host: string): boolean {
  const endpoint = endpointOf('http', host, DEFAULT_PORT)
  return ENDPOINT.test(endpoint) && URL.canParse(endpoint)
}

export function endpointOf(protocol: string, host: string, port: number): string {
  return `${protocol}://${isIPv6(host) ? `[${host}]` : host}:${port}`
}
