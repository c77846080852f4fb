import type { Socket } from 'node:net'
import type { Server, ServerOptions as ServerOptionsOfHttps } from 'node:https'
import { createSecureContext } from 'node:tls'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import { LockConfigError } from '../../model/errors.js'
import { loggedUrl, requestIdOf } from './audit.js'
import { answerTo, BODY_LIMIT, HttpError } from './http-error.js'

/** Of what stands in a path: names are shorter, also with each of their bytes encoded. */
const LONGEST_PARAMETER = 2_000

/** How long certificates are taken for those of the day. */
const RENEW_MS = 1_000

/** In PEM. With `clientCa`, only clients that have a certificate signed by it are served. */
export interface TlsOptions {
  readonly cert: Buffer
  readonly key: Buffer
  readonly clientCa?: Buffer
}

export interface HttpOptions {
  /** A function is called at a new connection. */
  readonly tls: TlsOptions | (() => TlsOptions) | undefined
  /** Addresses or networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** Aborted when the server ends. */
  readonly ending: AbortSignal
  readonly logger: Logger
}

/** A server without routes: what all of its answers have in common. @throws LockConfigError */
export function openHttp({ tls, trustedProxies, ending, logger }: HttpOptions): FastifyInstance {
  const http = fastify({
    https: tls ? httpsOf(typeof tls === 'function' ? tls() : tls) : null,
    bodyLimit: BODY_LIMIT,
    // For an empty list it would look for an address in the headers of each request, and trust none.
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    genReqId: requestIdOf,
    // pyrelukko puts its paths behind a slash at the end of its URL, too.
    routerOptions: {
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: LONGEST_PARAMETER,
    },
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const answer = answerTo(error)
      void reply.status(answer.status).send(answer)
    },
    clientErrorHandler: refuse,
  })
  if (typeof tls === 'function') renewTls(http.server, tls, logger)
  acceptBodies(http)
  http.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error)
    const { id: requestId } = request
    const url = loggedUrl(request.url)
    if (answer.status === 500) logger.error({ err: error, url, requestId }, 'A request has failed')
    else if (answer.status > 500) logger.warn({ url, requestId }, answer.message)
    const headers = error instanceof HttpError ? error.headers : {}
    return reply.status(answer.status).headers(headers).send(answer)
  })
  http.setNotFoundHandler((request, reply) =>
    reply.status(404).send({ status: 404, message: `There is no ${request.method} ${request.url}.` }),
  )
  http.addHook('onSend', (request, reply, _payload, next) => {
    void reply.header('x-request-id', request.id)
    // A connection that is kept would keep the server from ending.
    if (ending.aborted) void reply.header('connection', 'close')
    next()
  })
  return http
}

/** Before the server's own listener, so that a new connection gets the current certificate. */
function renewTls(server: Server, tls: () => TlsOptions, logger: Logger): void {
  let current = tls()
  let asked = performance.now()
  server.prependListener('connection', () => {
    if (performance.now() - asked < RENEW_MS) return
    asked = performance.now()
    const next = tls()
    if (next === current) return
    current = next
    try {
      server.setSecureContext(httpsOf(next))
      logger.info('Certificates were renewed')
    } catch (error) {
      logger.warn({ err: error }, 'Renewed certificates cannot be used: those of before stay in use')
    }
  })
}

function httpsOf({ clientCa: ca, ...own }: TlsOptions): ServerOptionsOfHttps {
  const options = { ...own, ...(ca && { ca, requestCert: true, rejectUnauthorized: true }) }
  try {
    createSecureContext(options)
  } catch (cause) {
    throw new LockConfigError(`RelukkoServer: the option 'tls': ${(cause as Error).message}.`, { cause })
  }
  return options
}

/** Answers what is no HTTP, or too much of it, as all else. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const isLong = error.code === 'HPE_HEADER_OVERFLOW'
  const [status, reason] = isLong ? [431, 'Request Header Fields Too Large'] : [400, 'Bad Request']
  const body = JSON.stringify({
    status,
    message: isLong ? 'The headers are too large.' : 'This is no HTTP request.',
  })
  const headers = [
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`HTTP/1.1 ${status} ${reason}\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
}

/** Some clients say that they send JSON, and send nothing, where nothing is needed. */
function acceptBodies(http: FastifyInstance): void {
  http.removeContentTypeParser('text/plain')
  const parse = http.getDefaultJsonParser('error', 'error')
  http.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parse(request, body as string, done)
  })
}

/** What a browser sends of a form. */
export function acceptForms(http: FastifyInstance): void {
  http.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
}
