import { readsOf } from '../../kv/transaction.js'
import { isIP } from 'node:net'
import type { Logger } from 'pino'
import { readAuthority, readIdentity, renewed } from '../../config/certificates.js'
import { isHost } from '../../config/endpoints.js'
import { resolveEndpoints } from '../../config/etcd-options.js'
import { isNetwork } from '../../config/network.js'
import type { RelukkoServer } from '../../server/server.js'
import type { ServerOptions } from '../../server/server-options.js'
import type { TlsOptions } from '../../server/http/http.js'
import { openEtcdStore } from '../../store/etcd/open-etcd-store.js'
import type { Store } from '../../store/store.js'
import { connectionOf, prefixesOf } from '../io/connection.js'
import { apiKeysOf, LONG_ENOUGH, weakKeysOf } from './api-keys.js'
import { checkEmbedded, makeUpSecrets, startEmbedded } from './embedded.js'
import { CliError, EXIT } from '../io/exit-codes.js'
import { stderrLogger } from '../io/logger.js'
import { say } from '../io/output.js'
import { loadServer } from './server-packages.js'
import { keepHeapSmall } from './small-heap.js'
import { onSignal } from '../run/signals.js'
import { LOOPBACK, type ServeOptions } from '../usage/serve.js'

/** How long the end may take before it is forced. */
const END_MS = 10_000
const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Resolves to the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  if (options.embedded) checkEmbedded(options)
  keepHeapSmall()
  const Server = await loadServer()
  if (options.embedded && options.apiKeys === undefined) makeUpSecrets()
  const settings = settingsOf(options)
  if (!options.embedded) {
    await serveWith(Server, settings)
    return EXIT.ok
  }
  const etcd = await startEmbedded()
  try {
    await serveWith(Server, { ...settings, config: { endpoints: etcd.endpoints } })
  } finally {
    await etcd.stop()
  }
  return EXIT.ok
}

type Settings = ReturnType<typeof settingsOf>

/** Checks all options before etcd is asked. @throws CliError, LockConfigError. */
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

/** A call asks one member, and after a failure the next call asks the next member: as many calls as members ask all. */
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

/** @throws CliError when a value is no address. */
function trusted(networks: readonly string[]): readonly string[] {
  const wrong = networks.find(network => !isNetwork(network))
  if (wrong === undefined) return networks
  throw new CliError(`--trust-proxy: ${wrong} is no address and no network like 10.0.0.0/8`, EXIT.usage)
}

/** @throws CliError when only one of the two is set. */
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

/** Whether the server listens on all addresses, so that no single URL tells them. */
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
