import { readsOf } from '../../kv/transaction.js'
import { isIP } from 'node:net'
import { type Command, InvalidArgumentError } from 'commander'
import type { Logger } from 'pino'
import { readAuthority, readIdentity, renewed } from '../../config/certificates.js'
import { isHost } from '../../config/endpoints.js'
import { resolveEndpoints } from '../../config/etcd-options.js'
import { isNetwork } from '../../config/network.js'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import type { RelukkoServer } from '../../server/server.js'
import type { ServerOptions } from '../../server/server-options.js'
import type { TlsOptions } from '../../server/http/http.js'
import { openEtcdStore } from '../../store/etcd/open-etcd-store.js'
import type { Store } from '../../store/store.js'
import { connectionOf, type ConnectionOptions, prefixesOf, withConnection } from '../io/connection.js'
import { apiKeysOf, LONG_ENOUGH, weakKeysOf } from './api-keys.js'
import { checkEmbedded, makeUpSecrets, startEmbedded } from './embedded.js'
import { CliError, EXIT } from '../io/exit-codes.js'
import { stderrLogger } from '../io/logger.js'
import { integerFrom } from '../io/numbers.js'
import { say } from '../io/output.js'
import { loadServer } from './server-packages.js'
import { onSignal } from '../run/signals.js'

interface ServeOptions extends ConnectionOptions {
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

/** How long the end may take before it is forced. */
const END_MS = 10_000
const LOOPBACK = '127.0.0.1'
const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

const HELP = `
Clients send the key that RELUKKO_API_KEY says in the header X-api-Key, or one of those in the file that
--api-keys or RELUKKO_API_KEYS_FILE names; the log then says whose it was. Without --host it listens where
RELUKKO_BIND_ADDR says, else on ${LOOPBACK} alone. Any number of servers may run side by side on one etcd.

The page for people is at /, for who signs in as RELUKKO_USER with RELUKKO_PASSWORD; without them there is
none. /v2/ serves the locks of all prefixes, /metrics what Prometheus reads.

What is changed, and by whom, is logged to stderr; with --verbose, every request is. SPICELOCK_LOG=warn
logs trouble alone.

SIGTERM, SIGINT and SIGHUP end it: no new requests, those under way are finished. A second one ends it at once.`

export function addServe(program: Command): void {
  withConnection(program.command('serve'))
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
    .action(serve)
}

async function serve(options: ServeOptions): Promise<void> {
  if (options.embedded) checkEmbedded(options)
  const Server = await loadServer()
  if (options.embedded && options.apiKeys === undefined) makeUpSecrets()
  const settings = settingsOf(options)
  if (!options.embedded) return serveWith(Server, settings)
  const etcd = await startEmbedded()
  try {
    await serveWith(Server, { ...settings, config: { endpoints: etcd.endpoints } })
  } finally {
    await etcd.stop()
  }
}

type Settings = ReturnType<typeof settingsOf>

/** All that can be wrong before etcd is asked. @throws CliError, LockConfigError. */
function settingsOf(options: ServeOptions) {
  const { SPICELOCK_LOG = '' } = process.env
  const logger = stderrLogger(options.verbose ? 'debug' : SPICELOCK_LOG || 'info', { isTimed: true })
  // An etcd of its own needs no user and no certificates, which a file may name.
  const connection = connectionOf(options, options.embedded ? { SPICELOCK_LOG } : process.env)
  prefixesOf(connection, options.prefix)
  const apiKeys = apiKeysOf(options.apiKeys)
  for (const name of weakKeysOf(apiKeys)) {
    logger.warn(`The key of '${name}' may be guessed: it has fewer than ${LONG_ENOUGH} characters`)
  }
  return {
    ...connection,
    logger,
    host: hostOf(options),
    port: options.port,
    apiKeys,
    ...signInOf(),
    prefix: options.prefix,
    graceSeconds: options.grace,
    ...(options.trustProxy && { trustedProxies: trusted(options.trustProxy) }),
    ...tlsOf(options, message => logger.warn(message)),
  }
}

async function serveWith(
  Server: typeof RelukkoServer,
  { config, host, port, ...settings }: Settings,
): Promise<void> {
  const warn = (message: string): void => settings.logger.warn(message)
  const etcd = await resolveEndpoints(config, { warn })
  const store = await openEtcdStore(etcd, warn)
  try {
    const server = await Server.create({ ...settings, store })
    try {
      const url = await server.listen({ host, port }).catch((cause: Error) => {
        throw new CliError(`cannot listen on ${host}:${port}: ${cause.message}`, EXIT.usage, { cause })
      })
      const ended = signalled()
      const others = isEvery(host) ? ' and all other addresses of this machine' : ''
      say(`serving on ${url}${others} (etcd: ${etcd.endpoints.join(', ')})`)
      void warnOfTrouble(store, etcd.endpoints, settings.logger)
      await ended
    } finally {
      await end(server)
    }
  } finally {
    await store.close()
  }
}

/** One call asks one member, and a failed one goes on to the next: as many calls as members ask all. */
async function warnOfTrouble(store: Store, endpoints: readonly string[], logger: Logger): Promise<void> {
  let trouble: unknown
  for (let asked = 0; asked < endpoints.length; asked++) {
    try {
      await store.commit(readsOf())
      return
    } catch (error) {
      trouble = error
    }
  }
  const where = endpoints.join(', ')
  logger.warn(
    { err: trouble },
    `etcd does not answer at ${where}. Until it does, requests are answered with 503`,
  )
}

/** @throws CliError when it is no address. */
function hostOf({ host }: ServeOptions): string {
  const { RELUKKO_BIND_ADDR: address } = process.env
  const [source, value] = host === undefined ? ['RELUKKO_BIND_ADDR', address || LOOPBACK] : ['--host', host]
  if (isIP(value) || (isHost(value) && !value.startsWith('['))) return value
  throw new CliError(`${source}: '${value}' must be an address without a port; --port says that`, EXIT.usage)
}

/** @throws CliError when one is no address. */
function trusted(networks: readonly string[]): readonly string[] {
  const wrong = networks.find(network => !isNetwork(network))
  if (wrong === undefined) return networks
  throw new CliError(`--trust-proxy: ${wrong} is no address and no network like 10.0.0.0/8`, EXIT.usage)
}

/** @throws CliError when one of both is missing. */
function signInOf(): Pick<ServerOptions, 'signIn'> {
  const { RELUKKO_USER: user, RELUKKO_PASSWORD: password } = process.env
  if (!user && !password) return {}
  if (user && password) return { signIn: { user, password } }
  throw new CliError('RELUKKO_USER and RELUKKO_PASSWORD belong together', EXIT.usage)
}

/** @throws CliError, LockConfigError. */
function tlsOf(
  { tlsCert, tlsKey, tlsClientCa }: ServeOptions,
  warn: (message: string) => void,
): Pick<ServerOptions, 'tls'> {
  if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return {}
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new CliError('--tls-cert and --tls-key belong together', EXIT.usage)
  }
  const read = (): TlsOptions => ({
    ...readIdentity({ option: '--tls-cert', file: tlsCert }, { option: '--tls-key', file: tlsKey }),
    ...(tlsClientCa !== undefined && {
      clientCa: readAuthority({ option: '--tls-client-ca', file: tlsClientCa }),
    }),
  })
  return { tls: renewed(read, warn) }
}

function portOf(text: string): number {
  const port = integerFrom(0)(text)
  if (port <= 65_535) return port
  throw new InvalidArgumentError(`expected an integer from 0 to 65535, got ${text}`)
}

/** What is listened on then has more than one URL. */
function isEvery(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]*:[0:]*$/.test(host)
}

function signalled(): Promise<void> {
  return new Promise(resolve => {
    const off = onSignal(() => {
      off()
      resolve()
    }, ENDING)
  })
}

/** A second signal, whose handler is gone by now, ends the process at once. */
async function end(server: RelukkoServer): Promise<void> {
  const timer = setTimeout(() => {
    say(`it has not ended within ${END_MS / 1000} s; it is forced to`)
    process.exit(EXIT.unexpected)
  }, END_MS)
  await server.close().finally(() => clearTimeout(timer))
}
