import { type Command, InvalidArgumentError } from 'commander'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { integerFrom } from './numbers.js'
import { type ConnectionOptions, withConnection } from './shared-options.js'

export interface ServeOptions extends ConnectionOptions {
  readonly host?: string
  readonly port: number
  readonly embedded?: true
  readonly prefix: string
  readonly grace: number
  readonly apiKeys?: string
  readonly trustProxy?: readonly string[]
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsClientCa?: string
}

/** Where it listens unless told otherwise. */
export const LOOPBACK = '127.0.0.1'

const HELP = `
Clients send the key that RELUKKO_API_KEY says in the header X-api-Key, or one of those in the file that
--api-keys or RELUKKO_API_KEYS_FILE names; the log then says whose it was. Without --host it listens where
RELUKKO_BIND_ADDR says, else on ${LOOPBACK} alone. Any number of servers may run side by side on one etcd.

The page for people is at /, for who signs in as RELUKKO_USER with RELUKKO_PASSWORD; without them there is
none. /v2/ serves the locks of all prefixes, /metrics what Prometheus reads.

What is changed, and by whom, is logged to stderr; with --verbose, every request is. SPICELOCK_LOG=warn
logs trouble alone.

SIGTERM, SIGINT and SIGHUP end it: no new requests, those under way are finished. A second one ends it at once.`

export function declareServe(program: Command): Command {
  return withConnection(program.command('serve'))
    .description("serve Relukko's clients over HTTP and WebSocket")
    .option('--host <address>', 'to listen on')
    .option('--port <number>', 'to listen on; 0: any that is free', portOf, 3_000)
    .option('--embedded', 'on an etcd of its own, to try it out; makes up the secrets that are missing')
    .option('--prefix <prefix>', 'of the locks', COOKBOOKS_CUSTOM_PREFIX)
    .option('--grace <seconds>', 'how long after its expiry a lock still blocks others', integerFrom(0), 180)
    .option('--api-keys <file>', 'the names of those who may use it, each with a key; YAML or JSON')
    .option('--trust-proxy <addresses...>', 'of load balancers, whose X-Forwarded-For is believed')
    .option('--tls-cert <file>', 'certificate of the server, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--tls-client-ca <file>', 'who signs the certificates that clients must have, PEM')
    .addHelpText('after', HELP)
}

function portOf(text: string): number {
  const port = integerFrom(0)(text)
  if (port <= 65_535) return port
  throw new InvalidArgumentError(`expected an integer from 0 to 65535, got ${text}`)
}
