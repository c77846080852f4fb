import { setMaxListeners } from 'node:events'
import { LockUnavailableError } from '../../model/errors.js'
import { shown } from '../../model/shown.js'
import { RelukkoNotFoundError, RelukkoServerError } from '../errors.js'
import { checkCreator, checkName, checkRunTime, checkSeconds, expiryOf } from '../inputs.js'
import type { Relukko, RelukkoChange } from '../relukko.js'
import { RelukkoDTO } from '../relukko-dto.js'
import { isTrusted, TRUSTED } from '../trusted.js'
import {
  apiKeyOf,
  baseUrlOf,
  checkClientOptions,
  type ClientSettings,
  DEFAULTS,
  type RelukkoClientOptions,
  settingsOf,
} from './client-options.js'
import { Deletions } from './deletions.js'
import { type Answer, errorOf, HttpLine, type Method } from './http-line.js'

/** What {@link RelukkoClient.reconfigureRelukko} changes; what is not given stays. */
export interface Reconfiguration {
  readonly baseUrl?: string | URL | undefined
  readonly apiKey?: string | undefined
  readonly options?: RelukkoClientOptions | undefined
}

/**
 * Relukko's locks over HTTP: of this project's server, or of any other that speaks Relukko. Needs the packages undici and
 * ws. A call is repeated when no answer came (`tries`): it may then have been done already, so that a lock is held whose id
 * nobody knows until it expires, or `addToExpiresAtTime` has added twice.
 *
 * All calls throw RelukkoServerError when the server fails or cannot be reached, RelukkoForbiddenError for a wrong key, and
 * the reason of an aborted `signal`.
 */
export class RelukkoClient implements Relukko {
  private baseUrl: string
  private apiKey: string
  private settings: ClientSettings
  private line: HttpLine
  private signal: AbortSignal
  private readonly closing = new AbortController()
  private readonly ends = new Set<Promise<void>>()

  /** @throws RelukkoInvalidError */
  constructor(baseUrl: string | URL, apiKey: string, options: RelukkoClientOptions = {}) {
    checkClientOptions(options)
    this.baseUrl = baseUrlOf(baseUrl)
    this.apiKey = apiKeyOf(apiKey)
    this.settings = settingsOf(DEFAULTS, options)
    this.line = new HttpLine(this.baseUrl, this.apiKey, this.settings)
    this.signal = this.endOfCalls()
  }

  /** For the calls that come after it. @throws RelukkoInvalidError, and then nothing has changed. */
  reconfigureRelukko({ baseUrl = this.baseUrl, apiKey = this.apiKey, options = {} }: Reconfiguration): void {
    checkClientOptions(options)
    const [url, key] = [baseUrlOf(baseUrl), apiKeyOf(apiKey)]
    this.retire(this.line)
    this.baseUrl = url
    this.apiKey = key
    this.settings = settingsOf(this.settings, options)
    this.line = new HttpLine(url, key, this.settings)
    this.signal = this.endOfCalls()
  }

  /**
   * Tries until the lock is taken, whenever the server says that it was deleted, and now and then; null after
   * `maxRunTime` seconds. @throws LockUnavailableError instead, with `raiseWhenAcquireFails`; RelukkoInvalidError.
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
    const lock = await this.tryUntil(performance.now() + maxRunTime * 1000, lockName, creator)
    if (lock || !this.settings.raiseWhenAcquireFails) return lock
    throw new LockUnavailableError(`Others hold ${shown(lockName)} for longer than ${maxRunTime} s.`, {
      key: lockName,
    })
  }

  async getLock(id: string): Promise<RelukkoDTO> {
    return this.lockOf('GET', id)
  }

  async getLocks(): Promise<RelukkoDTO[]> {
    if (isTrusted()) return [TRUSTED]
    const answer = await this.ask('GET', '/v1/locks/')
    if (answer.status !== 200) throw errorOf(answer)
    if (Array.isArray(answer.body))
      return answer.body.map(lock => dtoOf({ ...answer, body: lock as unknown }))
    throw new RelukkoServerError('The server has answered with what is no list of locks.', answer)
  }

  async updateRelukko(id: string, { creator, expiresAt }: RelukkoChange): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
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

  private async tryUntil(end: number, lockName: string, creator: string | null): Promise<RelukkoDTO | null> {
    const tryOnce = async (): Promise<RelukkoDTO | null> => {
      const answer = await this.ask('POST', '/v1/locks/', { lock_name: lockName, creator })
      return answer.status === 409 ? null : dtoOf(answer, 201)
    }
    let lock = await tryOnce()
    let deletions: Deletions | undefined
    try {
      while (!lock && performance.now() < end) {
        if (deletions) await this.waitFor(deletions, end)
        // What is deleted before it listens is seen by the next try.
        if (!deletions?.isOpen) {
          deletions?.close()
          deletions = await Deletions.open(lockName, this.line, this.settings)
        }
        this.signal.throwIfAborted()
        lock = await tryOnce()
      }
      return lock
    } finally {
      deletions?.close()
    }
  }

  private async waitFor(deletions: Deletions, end: number): Promise<void> {
    const { acquireModulo, acquireWaitForTimeout } = this.settings
    const longest = (deletions.isOpen ? acquireModulo : 1) * acquireWaitForTimeout * 1000
    await deletions.next(Math.min(longest, end - performance.now()), this.signal)
  }

  private async lockFor(seconds: number, id: string, route: string): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    checkSeconds(seconds)
    return this.lockOf('PUT', id, route, { seconds })
  }

  private async lockOf(method: Method, id: string, route = '', body?: unknown): Promise<RelukkoDTO> {
    if (isTrusted()) return TRUSTED
    // These would lead to another route.
    if (['', '.', '..'].includes(id)) throw new RelukkoNotFoundError(`No lock has the id ${shown(id)}.`)
    return dtoOf(await this.ask(method, `/v1/locks/${encodeURIComponent(id)}${route}`, body))
  }

  private ask(method: Method, path: string, body?: unknown): Promise<Answer> {
    return this.line.request(method, path, this.signal, body)
  }

  private endOfCalls(): AbortSignal {
    const { signal: given } = this.settings
    const signal = AbortSignal.any([this.closing.signal, ...(given ? [given] : [])])
    // One for each call that is under way.
    setMaxListeners(0, signal)
    return signal
  }

  private retire(line: HttpLine): void {
    const end = line.close().finally(() => this.ends.delete(end))
    this.ends.add(end)
  }
}

/** @throws what an answer means that is not success. */
function dtoOf(answer: Answer, expected = 200): RelukkoDTO {
  if (answer.status !== expected && answer.status !== 200) throw errorOf(answer)
  try {
    return RelukkoDTO.fromJSON(answer.body)
  } catch (cause) {
    throw new RelukkoServerError(
      `The server has answered with what is no lock: ${(cause as Error).message}.`,
      {
        status: answer.status,
        cause,
      },
    )
  }
}
