import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Of nginx: the client has gone before it was answered. */
const CLIENT_GONE = 499

/** What became of a request. */
export interface Answered {
  readonly request: FastifyRequest
  readonly status: number
  readonly seconds: number
}

/** Tells of each request when its answer is sent or its client is gone: what it asked for may be done all the same. */
export function onAnswered(server: FastifyInstance, tell: (answered: Answered) => void): void {
  server.addHook('onRequest', (request, reply, next) => {
    const start = performance.now()
    const { raw } = reply
    raw.once('close', () => {
      const status = raw.writableFinished ? raw.statusCode : CLIENT_GONE
      tell({ request, status, seconds: (performance.now() - start) / 1000 })
    })
    next()
  })
}
