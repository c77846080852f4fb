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

const text = { type: 'string', minLength: 1 }
const port = { type: 'integer', minimum: 1, maximum: 65_535 }

export const configSchema = {
  type: 'object',
  properties: {
    endpoints: { type: 'array', items: text, minItems: 1 },
    host: {
      anyOf: [
        text,
        {
          type: 'array',
          minItems: 1,
          items: { type: 'array', items: [text, port], minItems: 2, maxItems: 2 },
        },
      ],
    },
    port,
    protocol: { enum: ['http', 'https'] },
    srv_domain: text,
    ca_cert: text,
    cert: { anyOf: [text, { type: 'array', items: [text, text], minItems: 2, maxItems: 2 }] },
    username: text,
    password: text,
    read_timeout: { type: 'number', exclusiveMinimum: 0, maximum: 3_600 },
    allow_reconnect: { type: 'boolean' },
  },
  additionalProperties: false,
}

/** What each field takes, in words. */
export const EXPECTED: Readonly<Record<keyof LockConfig, string>> = {
  endpoints: 'a list of URLs like https://etcd1.example:2379',
  host: 'a host name or address (without scheme and port) or a list of [host, port]',
  port: 'a port number from 1 to 65535',
  protocol: 'http or https',
  srv_domain: 'a domain name',
  ca_cert: 'the path of a PEM file',
  cert: 'the path of a PEM file or [certificate file, key file]',
  username: 'a non-empty string',
  password: 'a non-empty string (in quotes when it looks like a number)',
  read_timeout: 'a number of seconds above 0, at most 3600',
  allow_reconnect: 'true or false',
}
