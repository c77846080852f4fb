import type { FastifyRequest } from 'fastify'
import { ApiKeys } from './api-keys.js'
import { FailedKeys } from './failed-keys.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of whose key it came with. */
    actor?: string
  }
}

/** Who may do what needs a key. */
export class Access {
  private readonly keys: ApiKeys
  private readonly failed = new FailedKeys()

  /** @param apiKeys by the name of who uses them. */
  constructor(apiKeys: Readonly<Record<string, string>>) {
    this.keys = new ApiKeys(apiKeys)
  }

  /** Notes who asks. @throws HttpError 403, or 429 when that has happened too often. */
  check(request: FastifyRequest): void {
    const key = request.headers['x-api-key']
    const actor = this.keys.ownerOf(typeof key === 'string' ? key : undefined)
    if (actor === undefined) return this.failed.refuse(request.ip)
    request.actor = actor
  }
}
