import { LockConfigError } from '../model/errors.js'

export const DEFAULT_PORT = 2379

/** A comma separated list of endpoints, as in `SPICELOCK_ENDPOINTS`. @throws LockConfigError */
export function parseEndpoints(list: string, source: string): string[] {
  const endpoints = list.split(',').map(item => item.trim())
  return endpoints.map(endpoint => urlOf(parseEndpoint(endpoint, source)))
}

/** @throws LockConfigError naming the source, the endpoint and what was expected. */
export function parseEndpoint(endpoint: string, source = 'endpoints'): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  const isWhole = url && /^https?:$/.test(url.protocol) && url.hostname !== ''
  const isBare = url && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (isWhole && isBare) return url
  const shown = endpoint.replace(/\/\/[^/]*@/, '//…@')
  throw new LockConfigError(
    `${source}: ${JSON.stringify(shown)} must be a URL like https://etcd1.example:2379.`,
  )
}

/** The endpoint in the form that the store takes. */
export function urlOf({ protocol, hostname, port }: URL): string {
  return `${protocol}//${hostname}:${port || DEFAULT_PORT}`
}
