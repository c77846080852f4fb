import { promises as dns } from 'node:dns'
import { EtcdLockUnavailableError, LockConfigError } from '../model/errors.js'
import { endpointOf } from './endpoints.js'

interface SrvRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

export type SrvResolver = (name: string) => Promise<readonly SrvRecord[]>

/** The services to ask for: etcd's own, and what python-etcd asks for. */
const SERVICES = [
  { service: '_etcd-client-ssl._tcp', protocol: 'https' },
  { service: '_etcd-client._tcp', protocol: 'http' },
  { service: '_etcd._tcp', protocol: undefined },
] as const

/** How often a name server is asked, and for how many milliseconds at first: it has twice the time when it is asked again. */
const PATIENCE = { tries: 2, timeout: 1_000 }

/** The codes of DNS for a record that does not exist. Any other means that no answer came. */
const NO_RECORD = ['ENOTFOUND', 'ENODATA', 'EBADNAME']

/**
 * By its defaults Node waits 27 s for a name server that is silent. (The servers are those that the program has set, which
 * functions that are imported by name do not see.)
 */
const resolveSrvByDns: SrvResolver = name => {
  const resolver = new dns.Resolver(PATIENCE)
  resolver.setServers(dns.getServers())
  return resolver.resolveSrv(name)
}

/**
 * Endpoints from the SRV records of a domain, most preferred first.
 * @param protocol passes over the services that speak another one.
 * @throws LockConfigError when there are none, EtcdLockUnavailableError when DNS fails.
 */
export async function resolveService(
  domain: string,
  protocol: 'http' | 'https' | undefined,
  resolveSrv: SrvResolver = resolveSrvByDns,
): Promise<string[]> {
  const asked: string[] = []
  for (const { service, protocol: own } of SERVICES) {
    if (protocol && own && own !== protocol) continue
    const name = `${service}.${domain}`
    asked.push(name)
    const records = await lookUp(name, resolveSrv)
    if (records.length === 0) continue
    const sorted = [...records].sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    return sorted.map(record => endpointOf(own ?? protocol ?? 'http', record.name, record.port))
  }
  throw new LockConfigError(
    `No SRV record was found for the srv_domain '${domain}', asked for: ${asked.join(', ')}.`,
  )
}

/** Trouble with DNS must not pass for "no record": the next service may be plain http. */
async function lookUp(name: string, resolveSrv: SrvResolver): Promise<readonly SrvRecord[]> {
  try {
    return await resolveSrv(name)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code !== undefined && NO_RECORD.includes(code)) return []
    throw new EtcdLockUnavailableError(
      `Unable to look up the SRV record ${name}: ${message}. Check the name server, or configure 'endpoints'.`,
      { cause },
    )
  }
}
