import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { ApiKeys } from './api-keys.js'
import { FailedKeys, MISSING } from './failed-keys.js'
import { HttpError } from '../http/http-error.js'
import type { Sessions } from './sessions.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the client whose API key came with the request, or of the user who is signed in. */
    actor?: string
  }
}

/** Addresses that are remembered, each with the name of a key. */
const MOST_GUESTS = 10_000

/** Decides which requests may do what needs an API key or a session of the page. */
export class Access {
  private readonly keys: ApiKeys
  private readonly failedKeys = new FailedKeys()
  private readonly failedSignIns = new FailedKeys()
  /** The clients that were served, with their addresses. */
  private readonly guests = new Set<string>()

  /** @param apiKeys by the name of the client that uses each. */
  constructor(
    apiKeys: Readonly<Record<string, string>>,
    private readonly sessions: Sessions | undefined,
    private readonly log: Logger,
  ) {
    this.keys = new ApiKeys(apiKeys)
  }

  /** Notes the name of the client in the request. @throws HttpError 403, or 429 when that has happened too often. */
  check(request: FastifyRequest): void {
    const key = request.headers['x-api-key']
    const isKey = typeof key === 'string'
    const actor = isKey ? this.keys.ownerOf(key) : this.userOf(request)
    // A request without a key guesses nothing: other clients at this address must not pay for it.
    if (!isKey && actor === undefined) throw new HttpError(403, MISSING)
    if (actor === undefined || (isKey && !this.isWelcome(actor, request.ip))) {
      // Not of each of very many.
      if (!this.failedKeys.isBlocked(request.ip)) {
        this.log.warn({ ip: request.ip, requestId: request.id }, 'A wrong key')
      }
      return this.failedKeys.refuse(request.ip)
    }
    request.actor = actor
  }

  /**
   * Not with a key that comes from an address of too many wrong ones: it may have been guessed. But whoever was served from
   * there before is served on: behind a load balancer, all have its address.
   */
  private isWelcome(actor: string, address: string): boolean {
    const guest = `${address} ${actor}`
    if (this.guests.has(guest)) return true
    if (this.failedKeys.isBlocked(address)) return false
    if (this.guests.size >= MOST_GUESTS) this.guests.delete(this.guests.values().next().value!)
    this.guests.add(guest)
    return true
  }

  /** The cookie that `open` gives, unless it was asked in vain too often from this address: passwords can be guessed. */
  signIn(
    address: string,
    open: () => string | undefined,
  ): { readonly cookie: string } | { readonly problem: 'wrong' | 'often' } {
    if (this.failedSignIns.isBlocked(address)) return { problem: 'often' }
    const cookie = open()
    if (cookie !== undefined) return { cookie }
    this.failedSignIns.note(address)
    this.log.warn({ ip: address }, 'A wrong user or password')
    return { problem: 'wrong' }
  }

  /** Another site can make a browser send the cookie, but not the token; and some GETs of `/v1` change something. */
  private userOf({ method, url, headers }: FastifyRequest): string | undefined {
    const session = this.sessions?.find(headers.cookie)
    if (!session) return undefined
    if (method === 'GET' && url.startsWith('/v2/')) return session.user
    if (method !== 'GET' && this.sessions!.isCsrf(session.csrf, headers['x-csrf-token'])) return session.user
    throw new HttpError(403, 'The header X-CSRF-Token is missing or wrong.')
  }
}
