import { setMaxListeners } from 'node:events'
import type { ServerOptions as ServerOptionsOfHttps } from 'node:https'
import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import type { LockConfig } from '../config/schema.js'
import type { Engine } from '../lock/engine.js'
import { openEngine } from '../lock/open-engine.js'
import { ALLOWED_PREFIXES, COOKBOOKS_CUSTOM_PREFIX } from '../model/constants.js'
import { GRACE_SECONDS } from '../relukko/expiry.js'
import { RelukkoLocks } from '../relukko/relukko-locks.js'
import type { Store } from '../store/store.js'
import { Access } from './access.js'
import { Broadcast } from './broadcast.js'
import { answerTo, BODY_LIMIT, HttpError } from './http-error.js'
import { addAudit, requestIdOf } from './audit.js'
import { addLockRoutes } from './lock-routes.js'
import { addMetrics } from './metrics.js'
import { addOpenApi } from './openapi-routes.js'
import { addPage } from './page-routes.js'
import { Requests } from './requests.js'
import { Sessions, type SignIn } from './sessions.js'
import { addV2Routes } from './v2-routes.js'

export interface ServerOptions {
  /** How to reach etcd. */
  readonly config?: LockConfig
  /** Instead of `config`. */
  readonly store?: Store
  /** By the name of who uses the key. */
  readonly apiKeys: Readonly<Record<string, string>>
  /** Who may use the page at `/`; there is none when not given. */
  readonly signIn?: SignIn
  /** Under which the locks live: `custom` when not given. */
  readonly prefix?: string
  /** Further prefixes whose locks are shown and served under `/v2`. */
  readonly allowedPrefixes?: readonly string[]
  /** Seconds after its expiry at which a lock is freed: 180 when not given. */
  readonly graceSeconds?: number
  /** Serves https with these, in PEM; with `clientCa`, only clients that have a certificate signed by it. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer }
  /** Addresses or networks of load balancers, which say in X-Forwarded-For whose request it is: none when not given. */
  readonly trustedProxies?: readonly string[]
  /** Seconds between pings of the WebSockets, and for their answers; 30 when not given. */
  readonly pingSeconds?: number
  /** Silent when not given. */
  readonly logger?: Logger
}

/** Seconds after which a WebSocket that says nothing is asked whether it is there. */
const PING_SECONDS = 30
/** Bytes of what a WebSocket may say, of which nothing is of interest. */
const MOST_HEARD = 4_096

/** An HTTP server for Relukko's clients on etcd. Any number of them may run side by side. */
export class RelukkoServer implements AsyncDisposable {
  private constructor(
    private readonly http: FastifyInstance,
    private readonly engine: Engine,
    private readonly broadcast: Broadcast,
    private readonly ending: AbortController,
    private readonly requests: Requests,
    /** What it serves, each as `METHOD /path/:parameter`. */
    readonly routes: readonly string[],
  ) {}

  /** @throws LockConfigError. An etcd that cannot be reached is no error: until it is, answers are 503. */
  static async create(options: ServerOptions): Promise<RelukkoServer> {
    const { apiKeys, prefix = COOKBOOKS_CUSTOM_PREFIX, graceSeconds = GRACE_SECONDS } = options
    const { allowedPrefixes = [] } = options
    const logger = options.logger ?? pino({ level: 'silent' })
    const engine = await openEngine({ ...options, logger })
    const broadcast = new Broadcast(engine, prefix, options.pingSeconds ?? PING_SECONDS)
    const sessions = options.signIn && new Sessions(options.signIn, options.tls !== undefined)
    const access = new Access(apiKeys, sessions)
    const prefixes = [...new Set([prefix, ...ALLOWED_PREFIXES, ...allowedPrefixes])]
    const ending = new AbortController()
    setMaxListeners(0, ending.signal)
    const http = fastify({
      https: httpsOf(options),
      bodyLimit: BODY_LIMIT,
      trustProxy: [...(options.trustedProxies ?? [])],
      exposeHeadRoutes: false,
      forceCloseConnections: 'idle',
      genReqId: requestIdOf,
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1_000 },
    })
    acceptBodies(http)
    const routes: string[] = []
    http.addHook('onRoute', ({ method, url }) => {
      routes.push(`${String(method)} ${url}`)
    })
    http.setErrorHandler((error, request, reply) => {
      const answer = answerTo(error)
      if (answer.status >= 500)
        logger.error({ err: error, url: request.url, requestId: request.id }, 'A request has failed')
      const headers = error instanceof HttpError ? error.headers : {}
      return reply.status(answer.status).headers(headers).send(answer)
    })
    http.setNotFoundHandler((request, reply) =>
      reply.status(404).send({ status: 404, message: `There is no ${request.method} ${request.url}.` }),
    )
    http.addHook('onSend', (request, reply, _payload, next) => {
      void reply.header('x-request-id', request.id)
      // A connection that is kept would keep the server from ending.
      if (ending.signal.aborted) void reply.header('connection', 'close')
      next()
    })
    await http.register(websocket, { options: { maxPayload: MOST_HEARD } })
    addAudit(http, logger)
    await addOpenApi(http)
    addPage(http, access, sessions, prefixes)
    addMetrics(http, engine, prefix, broadcast)
    http.get('/healthchecker', { exposeHeadRoute: true }, async () => {
      await engine.commit({ compare: [], success: [], failure: [] }).catch((cause: Error) => {
        throw new HttpError(503, `etcd does not answer: ${cause.message}`)
      })
      return { status: 200, message: 'etcd answers.' }
    })
    await http.register((locked: FastifyInstance, _options: object, done: () => void) => {
      locked.addHook('onRequest', (request, _reply, next) => {
        access.check(request)
        next()
      })
      addV2Routes(locked, engine, prefixes, ending.signal)
      addLockRoutes(locked, new RelukkoLocks(engine, prefix, graceSeconds), ending.signal)
      locked.get('/ws/broadcast', { websocket: true }, socket => broadcast.add(socket))
      done()
    })
    broadcast.start()
    return new RelukkoServer(http, engine, broadcast, ending, new Requests(http.server), routes)
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
    await this.engine.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function httpsOf({ tls }: ServerOptions): ServerOptionsOfHttps | null {
  if (!tls) return null
  const { clientCa: ca, ...own } = tls
  return { ...own, ...(ca && { ca, requestCert: true, rejectUnauthorized: true }) }
}

/** Some clients say that they send JSON, and send nothing, where nothing is needed. */
function acceptBodies(http: FastifyInstance): void {
  http.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  const parse = http.getDefaultJsonParser('error', 'error')
  http.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parse(request, body as string, done)
  })
}
