import { setMaxListeners } from 'node:events'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { LockService } from '../lock/api/lock-service.js'
import { ALLOWED_PREFIXES, COOKBOOKS_CUSTOM_PREFIX } from '../model/constants.js'
import { printAs } from '../model/printed.js'
import { GRACE_SECONDS } from '../relukko/locks/expiry.js'
import { RelukkoLocks } from '../relukko/locks/relukko-locks.js'
import { Access } from './auth/access.js'
import { Broadcast } from './v1/broadcast.js'
import { addAudit } from './http/audit.js'
import { acceptForms, openHttp } from './http/http.js'
import { HttpError } from './http/http-error.js'
import { addLockRoutes } from './v1/routes.js'
import { addMetrics } from './metrics.js'
import { addOpenApi } from './openapi/routes.js'
import { addPage } from './page/routes.js'
import { Requests } from './http/requests.js'
import { checkServerOptions, type ServerOptions } from './server-options.js'
import { Sessions } from './auth/sessions.js'
import { addV2Routes } from './v2/routes.js'

/** Seconds after which a WebSocket that says nothing is asked whether it is there. */
const PING_SECONDS = 30
/** Bytes of what a WebSocket may say, of which nothing is of interest. */
const MOST_HEARD = 4_096

/** An HTTP server for Relukko's clients on etcd. Any number of them may run side by side. */
export class RelukkoServer implements AsyncDisposable {
  static {
    printAs(this, 'RelukkoServer', ({ routes }) => ({ routes: routes.length }))
  }

  private constructor(
    private readonly http: FastifyInstance,
    private readonly locks: LockService,
    private readonly broadcast: Broadcast,
    private readonly ending: AbortController,
    private readonly requests: Requests,
    /** What it serves, each as `METHOD /path/:parameter`. */
    readonly routes: readonly string[],
  ) {}

  /** @throws LockConfigError, InvalidLockError for a prefix that no lock may have. An etcd that cannot be reached is no error: until it is, answers are 503. */
  static async create(options: ServerOptions): Promise<RelukkoServer> {
    checkServerOptions(options)
    const { apiKeys, prefix = COOKBOOKS_CUSTOM_PREFIX, graceSeconds = GRACE_SECONDS } = options
    const { allowedPrefixes = [] } = options
    const logger = options.logger ?? pino({ level: 'silent' })
    const sessions = options.signIn && new Sessions(options.signIn, options.tls !== undefined)
    const access = new Access(apiKeys, sessions, logger)
    const prefixes = [...new Set([prefix, ...ALLOWED_PREFIXES, ...allowedPrefixes])]
    const ending = new AbortController()
    setMaxListeners(0, ending.signal)
    const { tls, trustedProxies = [] } = options
    const http = openHttp({ tls, trustedProxies, ending: ending.signal, logger })
    // The last that may be refused: nothing else would close it.
    const locks = await LockService.open({ ...options, logger })
    const broadcast = new Broadcast(locks, prefix, prefixes, options.pingSeconds ?? PING_SECONDS)
    const routes: string[] = []
    http.addHook('onRoute', ({ method, url }) => {
      routes.push(`${String(method)} ${url}`)
    })
    await http.register(websocket, { options: { maxPayload: MOST_HEARD } })
    addAudit(http, logger)
    await addOpenApi(http)
    await http.register((page: FastifyInstance, _options: object, done: () => void) => {
      acceptForms(page)
      addPage(page, access, sessions, prefixes)
      done()
    })
    addMetrics(http, locks, prefix, broadcast)
    http.get('/healthchecker', { exposeHeadRoute: true }, async () => {
      await locks.ping().catch((cause: Error) => {
        throw new HttpError(503, `etcd does not answer: ${cause.message}`)
      })
      return { status: 200, message: 'etcd answers.' }
    })
    await http.register((locked: FastifyInstance, _options: object, done: () => void) => {
      locked.addHook('onRequest', (request, _reply, next) => {
        access.check(request)
        next()
      })
      addV2Routes(locked, locks, prefixes, ending.signal, { sessions, pingSeconds: options.pingSeconds })
      addLockRoutes(locked, new RelukkoLocks(locks, prefix, graceSeconds), ending.signal)
      locked.get('/ws/broadcast', { websocket: true }, socket => broadcast.add(socket))
      done()
    })
    broadcast.start()
    return new RelukkoServer(http, locks, broadcast, ending, new Requests(http.server), routes)
  }

  /** Resolves to the URL at which it listens. A port of 0 is any that is free. */
  listen({ host = '127.0.0.1', port = 3000 }: { host?: string; port?: number } = {}): Promise<string> {
    return this.http.listen({ host, port })
  }

  /** How many WebSockets are open. */
  get listeners(): number {
    return this.broadcast.size
  }

  /** Takes no requests any more, ends those that it has, and its connections. What is locked stays locked. */
  async close(): Promise<void> {
    this.ending.abort(new HttpError(503, 'The server is shutting down.'))
    await this.broadcast.close()
    await Promise.all([this.http.close(), this.requests.finish()])
    await this.locks.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
