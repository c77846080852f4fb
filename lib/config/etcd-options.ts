import type { EtcdOptions } from '../store/etcd/options.js'
import { readCertificates, renewed } from './certificates.js'
import { DEFAULT_PORT, endpointOf } from './endpoints.js'
import { LastGood } from './last-good.js'
import type { LockConfig } from './schema.js'
import { resolveService, type SrvResolver } from './srv.js'
import { validateConfig } from './validate.js'

/** A call that takes longer than this many seconds counts as lost. */
const DEFAULT_TIMEOUT = 5

export interface ResolveOptions {
  /** Told what goes wrong later, when what may change is looked up again. */
  readonly warn?: (message: string) => void
  readonly resolveSrv?: SrvResolver
}

/**
 * What the store needs to know: reads the certificate files and looks up the SRV records.
 * @param config valid, as from `validateConfig`.
 * @throws LockConfigError when a certificate file cannot be used or a domain has no records, EtcdLockUnavailableError
 * when DNS fails.
 */
export async function resolveEndpoints(
  config: LockConfig,
  { warn = () => {}, resolveSrv }: ResolveOptions = {},
): Promise<EtcdOptions> {
  const endpoints = await endpointsOf(config, resolveSrv)
  const { username, password, read_timeout = DEFAULT_TIMEOUT, allow_reconnect = true } = config
  // A password is not sent in the clear because a record has gone.
  const protocol = endpoints[0]!.startsWith('https:') ? 'https' : 'http'
  return {
    endpoints,
    ...(config.srv_domain !== undefined && {
      lookUp: lookedUp(endpoints, () => endpointsOf({ ...config, protocol }, resolveSrv), warn),
    }),
    ...(protocol === 'https' && { tls: renewed(() => readCertificates(config), warn) }),
    ...(username !== undefined && password !== undefined && { auth: { username, password } }),
    callTimeoutMs: read_timeout * 1000,
    failover: allow_reconnect,
  }
}

/** A name server that does not answer, or has no record any more, is told of once, and the last answer stays in use. */
function lookedUp(
  endpoints: readonly string[],
  lookUp: () => Promise<readonly string[]>,
  warn: (message: string) => void,
): () => Promise<readonly string[]> {
  const good = new LastGood(endpoints, 'endpoints', warn)
  return () =>
    lookUp().then(
      found => good.take(found),
      (error: unknown) => good.fallBack(error),
    )
}

/**
 * Checks what can be told without asking anybody: the fields, and the files that they name.
 * @throws LockConfigError
 */
export function checkConfig(raw: unknown, source: string): void {
  readCertificates(validateConfig(raw, source).config)
}

async function endpointsOf(config: LockConfig, resolveSrv?: SrvResolver): Promise<readonly string[]> {
  if (config.endpoints) return config.endpoints
  const hasCertificate = config.ca_cert !== undefined || config.cert !== undefined
  const protocol = config.protocol ?? (hasCertificate ? 'https' : undefined)
  if (config.srv_domain !== undefined) return resolveService(config.srv_domain, protocol, resolveSrv)
  const { host = '127.0.0.1', port = DEFAULT_PORT } = config
  const hosts = typeof host === 'string' ? [[host, port] as const] : host
  return hosts.map(([name, itsPort]) => endpointOf(protocol ?? 'http', name, itsPort))
}
