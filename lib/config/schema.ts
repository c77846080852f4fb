/** How to reach etcd: what Spicerack's configuration file (python-etcd's client options) can hold, and `endpoints`. */
export interface LockConfig {
  /** URLs, all of one scheme. Instead of host, port, protocol and srv_domain. */
  readonly endpoints?: readonly string[]
  /** A host name, or a list of [host, port]. Default 127.0.0.1. */
  readonly host?: string | readonly (readonly [string, number])[]
  /** Default 2379. */
  readonly port?: number
  /** Default http; https when a certificate is given or the SRV record says so. */
  readonly protocol?: 'http' | 'https'
  /** A domain whose SRV records name the endpoints. Instead of host; port has no meaning then. */
  readonly srv_domain?: string
  /** File of the certificate authority, PEM. Without it, the roots that Node trusts. Read anew for each connection. */
  readonly ca_cert?: string
  /** File with certificate and key of this client, PEM; or [certificate file, key file]. Read anew for each connection. */
  readonly cert?: string | readonly [string, string]
  readonly username?: string
  readonly password?: string
  /** Seconds that one call may take. Default 5. */
  readonly read_timeout?: number
  /** Whether the next endpoint is tried when one fails; otherwise only the first is ever used. Default true. */
  readonly allow_reconnect?: boolean
}

/** Options of python-etcd that mean nothing here: accepted, with a warning. */
export const IGNORED_OPTIONS: readonly string[] = [
  'version_prefix',
  'allow_redirect',
  'use_proxies',
  'expected_cluster_id',
  'per_host_pool_size',
  'lock_prefix',
]

type Rule = readonly [expected: string, isRight: (value: unknown) => boolean]

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isPort = (value: unknown): boolean => Number.isInteger(value) && isFrom(1, 65_535, value)
const isListOf = (value: unknown, isRight: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(isRight)
const isPair = (value: unknown, ...are: readonly ((item: unknown) => boolean)[]): boolean =>
  Array.isArray(value) && value.length === 2 && are.every((isRight, at) => isRight(value[at]))
const isFrom = (least: number, most: number, value: unknown): boolean =>
  typeof value === 'number' && value >= least && value <= most

/** What each field takes: in words, and whether a value is that. */
export const RULES: Readonly<Record<keyof LockConfig, Rule>> = {
  endpoints: ['a list of URLs like https://etcd1.example:2379', value => isListOf(value, isText)],
  host: [
    'a host name or address (without scheme and port) or a list of [host, port]',
    value => isText(value) || isListOf(value, item => isPair(item, isText, isPort)),
  ],
  port: ['a port number from 1 to 65535', isPort],
  protocol: ['http or https', value => value === 'http' || value === 'https'],
  srv_domain: ['a domain name', isText],
  ca_cert: ['the path of a PEM file', isText],
  cert: [
    'the path of a PEM file or [certificate file, key file]',
    value => isText(value) || isPair(value, isText, isText),
  ],
  username: ['a non-empty string', isText],
  password: ['a non-empty string (in quotes when it looks like a number)', isText],
  read_timeout: [
    'a number of seconds above 0, at most 3600',
    value => isFrom(0, 3_600, value) && value !== 0,
  ],
  allow_reconnect: ['true or false', value => typeof value === 'boolean'],
}
