import type { FastifyInstance, FastifyRequest } from 'fastify'
import { PROLONG_SECONDS } from '../../relukko/locks/expiry.js'
import { checkCreator, checkSeconds, expiryOf, writable } from '../../relukko/locks/inputs.js'
import type { RelukkoDTO } from '../../relukko/relukko-dto.js'
import type { RelukkoLocks } from '../../relukko/locks/relukko-locks.js'
import { describeValue } from '../../model/describe-value.js'
import { bodyOf } from '../http/body.js'
import { HttpError } from '../http/http-error.js'
import { sendList } from '../http/json-list.js'
import { untilDisconnected, waitOf } from '../http/until-disconnected.js'

interface WithId {
  readonly Params: { readonly id: string }
}

/**
 * The routes under `/v1/locks`, as Relukko's clients know them.
 * @param ending aborts, with an HttpError, when no request is to wait any more.
 */
export function addLockRoutes(server: FastifyInstance, locks: RelukkoLocks, ending: AbortSignal): void {
  server.post<{ Querystring: { wait?: string } }>('/v1/locks', async (request, reply) => {
    const body = bodyOf(request, ['lock_name', 'creator', 'ttl'])
    const seconds = body['ttl'] === undefined ? {} : { seconds: secondsOf(body['ttl'], 'ttl') }
    const wish = {
      lockName: body['lock_name'],
      creator: body['creator'] ?? null,
      ip: request.ip,
      request: callOf(request),
      wait: waitOf(request.query.wait),
      ...seconds,
    }
    const { lock, fencingToken } = await untilDisconnected(request, ending, signal =>
      locks.take({ ...wish, signal }),
    )
    return reply.status(201).header('x-fencing-token', String(fencingToken)).send(lock)
  })

  server.get('/v1/locks', async (_, reply) =>
    sendList(reply, await locks.allAsJson(), locks.locks.log, jsonOf),
  )
  server.get<WithId>('/v1/locks/:id', async ({ params }) => (await locks.find(params.id)).lock)
  server.delete<WithId>('/v1/locks/:id', ({ params }) => locks.release(params.id))

  server.put<WithId>('/v1/locks/:id', request => {
    const { creator, expires_at: expiresAt } = bodyOf(request, ['creator', 'expires_at'])
    const newCreator = creator ?? null
    checkCreator(newCreator)
    const expiry = (expiresAt ?? undefined) === undefined ? undefined : expiryOf(expiresAt)
    return locks.change(request.params.id, lock => ({
      creator: newCreator ?? lock.creator,
      expiresAt: expiry ?? lock.expiresAt,
    }))
  })

  const keepAlive = (id: string, seconds: number): Promise<RelukkoDTO> =>
    locks.change(id, ({ creator }, now) => ({ creator, expiresAt: writable(now.plusSeconds(seconds)) }))
  const prolong = (id: string, seconds: number): Promise<RelukkoDTO> =>
    locks.change(id, ({ creator, expiresAt }) => ({
      creator,
      expiresAt: writable(expiresAt.plusSeconds(seconds)),
    }))
  for (const [route, change] of [
    ['keep_alive', keepAlive],
    ['add_to_expire_at', prolong],
  ] as const) {
    const path = `/v1/locks/:id/${route}`
    server.get<WithId>(path, ({ params }) => change(params.id, PROLONG_SECONDS))
    server.put<WithId>(path, request =>
      change(request.params.id, secondsOf(bodyOf(request, ['seconds'])['seconds'])),
    )
  }
}

function jsonOf(lock: RelukkoDTO | string): string {
  return typeof lock === 'string' ? lock : JSON.stringify(lock)
}

function secondsOf(value: unknown, field?: string): number {
  checkSeconds(value, field)
  return value
}

/** By which a client knows its call again; no other user's. @throws HttpError 400 */
function callOf({ headers, actor }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && key !== '' && key.length <= 255) return JSON.stringify([actor, key])
  throw new HttpError(
    400,
    `The header 'Idempotency-Key' must be a text of 1 to 255 bytes, got ${describeValue(key)}.`,
  )
}
