import type { ServerOptions as ServerOptionsOfHttps } from 'node:https'
import { createSecureContext } from 'node:tls'
import fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { LockConfigError } from '../model/errors.js'
import { requestIdOf } from './audit.js'
import { answerTo, BODY_LIMIT, HttpError } from './http-error.js'

/** In PEM. With `clientCa`, only clients that have a certificate signed by it are served. */
export interface TlsOptions {
  readonly cert: Buffer
  readonly key: Buffer
  readonly clientCa?: Buffer
}

export interface HttpOptions {
  readonly tls: TlsOptions | undefined
  /** Addresses or networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** Aborted when the server ends. */
  readonly ending: AbortSignal
  readonly logger: Logger
}

/** A server without routes: what all of its answers have in common. @throws LockConfigError */
export function openHttp({ tls, trustedProxies, ending, logger }: HttpOptions): FastifyInstance {
  const http = fastify({
    https: tls ? httpsOf(tls) : null,
    bodyLimit: BODY_LIMIT,
    trustProxy: [...trustedProxies],
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    genReqId: requestIdOf,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1_000 },
  })
  acceptBodies(http)
  http.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error)
    const { url, id: requestId } = request
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

function httpsOf({ clientCa: ca, ...own }: TlsOptions): ServerOptionsOfHttps {
  const options = { ...own, ...(ca && { ca, requestCert: true, rejectUnauthorized: true }) }
  try {
    createSecureContext(options)
  } catch (cause) {
    throw new LockConfigError(`RelukkoServer: the option 'tls': ${(cause as Error).message}.`, { cause })
  }
  return options
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
