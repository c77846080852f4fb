import { BlockList, isIP, isIPv4 } from 'node:net'

/** Environment variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>

const READ = /^((https?|all|no)_proxy|REQUEST_METHOD|(REQUESTS|CURL)_CA_BUNDLE)$/i

/** What is read here of a process's environment, as it is now. */
export function environmentOf(variables: Environment): Environment {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => READ.test(name)))
}

/** What a variable says. */
export interface Named {
  readonly variable: string
  readonly value: string
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** The file or folder of authorities that HTTP clients are to trust instead of the usual ones, as Python's requests reads it. */
export function bundleIn(environment: Environment): Named | undefined {
  return ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE']
    .map(variable => ({ variable, value: environment[variable] ?? '' }))
    .find(({ value }) => value !== '')
}

/**
 * The proxy for a URL, as Python's requests finds it: lower case counts before upper case, and set but empty means none.
 */
export function proxyIn(environment: Environment, url: URL): Named | undefined {
  const noProxy = (environment['no_proxy'] || environment['NO_PROXY']) ?? ''
  if (isExempt(url, noProxy)) return undefined
  const scheme = url.protocol.slice(0, -1)
  for (const name of [`${scheme}_proxy`, 'all_proxy']) {
    for (const variable of [name, name.toUpperCase()]) {
      const value = environment[variable]
      // To a CGI script, HTTP_PROXY is the header "Proxy" of its client.
      if (value === undefined || (variable === 'HTTP_PROXY' && environment['REQUEST_METHOD'])) continue
      if (value === '') break
      return { variable, value }
    }
  }
  return undefined
}

/** Whether NO_PROXY lists the host of a URL: by its name, a domain that it is in, its address or a network; with a port or without. */
function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const port = url.port || DEFAULT_PORTS[url.protocol]
  return noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .filter(entry => entry !== '')
    .some(entry => {
      if (entry === '*') return true
      if (isIP(host) && entry.includes('/')) return isInNetwork(host, entry)
      const [, name, itsPort] = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) ? `[${entry}]` : entry)!
      if (itsPort !== undefined && itsPort !== port) return false
      const bare = name!.replace(/^\[|\]$/g, '').replace(/^\*?\.+/, '')
      return bare !== '' && (host === bare || (!isIP(host) && host.endsWith(`.${bare}`)))
    })
}

function isInNetwork(host: string, network: string): boolean {
  const [base = '', bits = ''] = network.split('/')
  const [ours, theirs] = [host, base].map(address => (isIPv4(address) ? 'ipv4' : 'ipv6'))
  if (ours !== theirs || !isIP(base) || !/^\d{1,3}$/.test(bits) || Number(bits) > (isIPv4(base) ? 32 : 128)) {
    return false
  }
  const list = new BlockList()
  list.addSubnet(base, Number(bits), ours)
  return list.check(host, ours)
}
