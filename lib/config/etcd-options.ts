import { readFileSync } from 'node:fs'
import { LockConfigError } from '../model/errors.js'
import type { EtcdOptions } from '../store/etcd/options.js'
import { DEFAULT_PORT, endpointOf } from './endpoints.js'
import type { LockConfig } from './schema.js'
import { resolveService, type SrvResolver } from './srv.js'

/** A call that takes longer than this many seconds counts as lost. */
const DEFAULT_TIMEOUT = 5

/**
 * What the store needs to know: reads the certificate files and looks up the SRV records.
 * @param config valid, as from `validateConfig`.
 * @throws LockConfigError when a file cannot be read or a domain has no records, EtcdLockUnavailableError
 * when DNS fails.
 */
export async function resolveEndpoints(config: LockConfig, resolveSrv?: SrvResolver): Promise<EtcdOptions> {
  const endpoints = await endpointsOf(config, resolveSrv)
  const { username, password, read_timeout = DEFAULT_TIMEOUT, allow_reconnect = true } = config
  return {
    endpoints,
    ...(endpoints[0]!.startsWith('https:') && { tls: tlsOf(config) }),
    ...(username !== undefined && password !== undefined && { auth: { username, password } }),
    callTimeoutMs: read_timeout * 1000,
    failover: allow_reconnect,
  }
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

function tlsOf({ ca_cert, cert }: LockConfig): NonNullable<EtcdOptions['tls']> {
  const [certFile, keyFile] = typeof cert === 'string' ? [cert, cert] : (cert ?? [])
  return {
    ...(ca_cert !== undefined && { ca: read('ca_cert', ca_cert) }),
    ...(certFile !== undefined && { cert: read('cert', certFile) }),
    ...(keyFile !== undefined && { key: read('cert', keyFile) }),
  }
}

function read(field: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new LockConfigError(
      `Unable to read the file ${file} of the option '${field}': ${(cause as Error).message}.`,
      { cause },
    )
  }
}
