import { resolveSrv as resolveSrvByDns } from 'node:dns/promises'
import { LockConfigError } from '../model/errors.js'

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

/**
 * Endpoints from the SRV records of a domain, most preferred first.
 * @throws LockConfigError when there are none.
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
    const records = await resolveSrv(name).catch(() => [])
    if (records.length === 0) continue
    const sorted = [...records].sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    return sorted.map(record => `${own ?? protocol ?? 'http'}://${record.name}:${record.port}`)
  }
  throw new LockConfigError(
    `No SRV record was found for the srv_domain '${domain}', asked for: ${asked.join(', ')}.`,
  )
}
