import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { onAnswered } from './answered.js'

const KNOWN = ['wait', 'reason', 'prefix', 'name', 'problem']
const USABLE_ID = /^[\w.:/+=-]{1,100}$/

/** That of the client where it can be written into a log. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const id = headers['x-request-id']
  return typeof id === 'string' && USABLE_ID.test(id) ? id : randomUUID()
}

/** Of the query what the routes know: a key is put there by mistake. */
export function loggedUrl(url: string): string {
  const [path, query] = url.split('?', 2)
  if (!query) return path!
  const told = new URLSearchParams(query)
  for (const name of told.keys()) if (!KNOWN.includes(name)) told.set(name, '…')
  return `${path}?${String(told)}`
}

/** Logs each request with its client: requests that may change something at level info, others at level debug. */
export function addAudit(server: FastifyInstance, logger: Logger): void {
  onAnswered(server, ({ request, status, seconds }) => {
    const { actor, ip, method, url, id: requestId } = request
    const isChange = !['GET', 'HEAD'].includes(method) || /\/(keep_alive|add_to_expire_at)\/?$/.test(url)
    const fields = {
      actor,
      ip,
      method,
      url: loggedUrl(url),
      status,
      ms: Math.round(seconds * 1000),
      requestId,
    }
    logger[isChange ? 'info' : 'debug'](fields, 'Answered')
  })
}
