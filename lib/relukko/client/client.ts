import { setMaxListeners } from 'node:events'
import { nativeSignal } from '../../time/abort-signal.js'
import { inspect, type InspectOptions } from 'node:util'
import { LockUnavailableError } from '../../model/errors.js'
import { printAs } from '../../model/printed.js'
import { describeValue } from '../../model/describe-value.js'
import { RelukkoNotFoundError, RelukkoServerError } from '../errors.js'
import {
  checkCreator,
  checkFields,
  checkName,
  checkRunTime,
  checkSeconds,
  expiryOf,
} from '../locks/inputs.js'
import type { Relukko, RelukkoChange } from '../relukko.js'
import type { RelukkoDTO } from '../relukko-dto.js'
import { isTrusted, TRUSTED } from '../locks/trusted.js'
import { errorOf, lockOf } from './http/answer.js'
import { checkClientOptions } from './client-checks.js'
import {
  apiKeyOf,
  baseUrlOf,
  type ClientSettings,
  DEFAULTS,
  type RelukkoClientOptions,
  settingsOf,
} from './client-options.js'
import { environmentOf } from './environment.js'
import { type Call, HttpTransport } from './http/http-transport.js'
import { acquireWithRetry } from './acquire-with-retry.js'

/** What {@link RelukkoClient.reconfigureRelukko} changes; what is not given stays. */
export interface Reconfiguration {
  readonly baseUrl?: string | URL | undefined
  readonly apiKey?: string | undefined
  readonly options?: RelukkoClientOptions | undefined
}

/**
 * Relukko's locks over HTTP: of this project's server, or of any other that speaks Relukko. Needs the packages undici and
 * ws. A call is repeated when no answer came (`tries`), though it may have been done: `addToExpiresAtTime` may then add twice,
 * and `deleteRelukko` find no lock. A lock whose answer was lost is known again by this project's server; of another, it is
 * held until it expires.
 *
 * All calls throw RelukkoServerError when the server fails or cannot be reached, RelukkoForbiddenError for a wrong key, and
 * the reason of an aborted `signal`.
 */
export class RelukkoClient implements Relukko {
  private baseUrl: string
  private apiKey: string
  private settings: ClientSettings
  private line: HttpTransport
  private readonly closing = new AbortController()
  private readonly ends = new Set<Promise<void>>()

  static {
    // The API key, headers and TLS keys are secrets, and a URL may hold a password.
    printAs(this, 'RelukkoClient', ({ baseUrl }) => ({ baseUrl: new URL(baseUrl).origin }))
  }

  /** @throws RelukkoInvalidError */
  constructor(baseUrl: string | URL, apiKey: string, options: RelukkoClientOptions = {}) {
    checkClientOptions(options)
    this.baseUrl = baseUrlOf(baseUrl)
    this.apiKey = apiKeyOf(apiKey)
    this.settings = settingsOf(DEFAULTS, options)
    this.line = this.open(this.baseUrl, this.apiKey, this.settings)
  }

  /** For the calls that come after it; null for an option (but `proxy`) is as if it had never been given. @throws RelukkoInvalidError, and then nothing has changed. */
  reconfigureRelukko(changes: Reconfiguration): void {
    checkFields(changes, ['baseUrl', 'apiKey', 'options'], 'RelukkoClient.reconfigureRelukko')
    const { baseUrl = this.baseUrl, apiKey = this.apiKey, options = {} } = changes
    checkClientOptions(options)
    const [url, key, settings] = [baseUrlOf(baseUrl), apiKeyOf(apiKey), settingsOf(this.settings, options)]
    const line = this.open(url, key, settings)
    this.retire(this.line)
    this.baseUrl = url
    this.apiKey = key
    this.settings = settings
    this.line = line
  }

  /**
   * Tries until the lock is taken, whenever the server says that it was deleted, and now and then; null after
   * `maxRunTime` seconds. The first try is repeated as any call; no later one after that time, and its answer is waited for
   * one second more. A server that sees that nobody waits for an answer any more, as this project's does, then takes nothing;
   * should it have been done by then, nobody knows the lock, and it is held until it expires.
   * @throws LockUnavailableError instead of null, with `raiseWhenAcquireFails`; RelukkoInvalidError.
   */
  async acquireRelukko(
    lockName: string,
    creator: string | null,
    maxRunTime: number,
  ): Promise<RelukkoDTO | null> {
    if (isTrusted()) return TRUSTED
    checkName(lockName)
    checkCreator(creator)
    checkRunTime(maxRunTime)
    const { line } = this
    const end = performance.now() + maxRunTime * 1000
    const lock = await line.during(acquireWithRetry(line, lockName, creator, end))
    if (lock || !line.settings.raiseWhenAcquireFails) return lock
    throw new LockUnavailableError(
      `Others hold ${describeValue(lockName)} for longer than ${maxRunTime} s.`,
      {
        key: lockName,
      },
    )
  }

  async getLock(id: string): Promise<RelukkoDTO> {
    return this.lockOf('GET', id)
  }

  async getLocks(): Promise<RelukkoDTO[]> {
    if (isTrusted()) return [TRUSTED]
    const answer = await this.line.request({ method: 'GET', path: '/v1/locks/' })
    if (answer.status !== 200) throw errorOf(answer)
    if (Array.isArray(answer.body))
      return answer.body.map(lock => lockOf({ ...answer, body: lock as unknown }))
    throw new RelukkoServerError('The server has answered with what is no list of locks.', answer)
  }

  async updateRelukko(id: string, change: RelukkoChange): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    checkFields(change, ['creator', 'expiresAt'], 'updateRelukko')
    const { creator, expiresAt } = change
    checkCreator(creator ?? null)
    const expiry = (expiresAt ?? undefined) === undefined ? null : expiryOf(expiresAt).toISO()
    return this.lockOf('PUT', id, '', { creator: creator ?? null, expires_at: expiry })
  }

  async deleteRelukko(id: string): Promise<RelukkoDTO> {
    return this.lockOf('DELETE', id)
  }

  async keepRelukkoAlive(id: string): Promise<RelukkoDTO> {
    return this.lockOf('GET', id, '/keep_alive')
  }

  async keepRelukkoAlivePut(id: string, seconds: number): Promise<RelukkoDTO> {
    return this.lockFor(seconds, id, '/keep_alive')
  }

  async addToExpiresAtTime(id: string): Promise<RelukkoDTO> {
    return this.lockOf('GET', id, '/add_to_expire_at')
  }

  async addToExpiresAtTimePut(id: string, seconds: number): Promise<RelukkoDTO> {
    return this.lockFor(seconds, id, '/add_to_expire_at')
  }

  /** Ends all calls with an error, and the connections. What is locked stays locked. */
  async close(): Promise<void> {
    if (!this.closing.signal.aborted) {
      this.closing.abort(new RelukkoServerError('The client was closed.'))
      this.retire(this.line)
    }
    await Promise.all(this.ends)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What may be logged: neither the API key nor a setting, which may be secret. */
  toJSON(): { readonly baseUrl: string } {
    return { baseUrl: this.baseUrl }
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `RelukkoClient ${inspect(this.toJSON(), options)}`
  }

  private async lockFor(seconds: number, id: string, route: string): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    checkSeconds(seconds)
    return this.lockOf('PUT', id, route, { seconds })
  }

  private async lockOf(method: Call['method'], id: string, route = '', body?: unknown): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    // No URL can hold it, or it would lead to another route.
    if (typeof id !== 'string' || !id.isWellFormed() || ['', '.', '..'].includes(id)) {
      throw new RelukkoNotFoundError(`No lock has the id ${describeValue(id)}.`)
    }
    const path = `/v1/locks/${encodeURIComponent(id)}${route}`
    const answer = await this.line.request({ method, path, body })
    if (method === 'DELETE' && answer.tries > 1 && [404, 422].includes(answer.status)) {
      throw new RelukkoNotFoundError(
        `No lock has the id ${describeValue(id)} (any more). It may have been deleted by an earlier try of the same call, which failed.`,
        { status: answer.status },
      )
    }
    return lockOf(answer)
  }

  private open(baseUrl: string, apiKey: string, settings: ClientSettings): HttpTransport {
    const { signal: given } = settings
    const signal = AbortSignal.any([
      this.closing.signal,
      ...(given ? [nativeSignal(given, this.closing.signal)] : []),
    ])
    // One for each call that is under way.
    setMaxListeners(0, signal)
    return new HttpTransport(baseUrl, apiKey, settings, signal, environmentOf(process.env))
  }

  private retire(line: HttpTransport): void {
    const end = line.close().finally(() => this.ends.delete(end))
    this.ends.add(end)
  }
}
