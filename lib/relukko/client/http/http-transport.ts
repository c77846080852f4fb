import { setTimeout as delay } from 'node:timers/promises'
import { isSpicerackError } from '../../../model/errors.js'
import { RelukkoInvalidError, RelukkoServerError } from '../../errors.js'
import { type Answer, messageOf } from './answer.js'
import { bounded } from '../bounded.js'
import type { ClientSettings } from '../client-options.js'
import { Dispatchers } from './dispatchers.js'
import type { Environment } from '../environment.js'
import { type Hop, type Method, type RedirectAnswer, redirected } from './redirect.js'
import { Retries } from '../retries.js'
import { timerMs } from '../timer-ms.js'
import type { ConnectionTls } from '../tls/tls.js'

export interface Call {
  readonly method: Method
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** By `performance.now()`; no try follows another after it, and one that is under way gets {@link LATE_MS} more. */
  readonly retryUntil?: number
}

/** Milliseconds for an answer that is under way. */
const LATE_MS = 1_000

type OneAnswer = Omit<Answer, 'tries'> &
  RedirectAnswer & {
    readonly retryAfter: string | undefined
  }

/** Requests to one server under one set of settings, repeated as these say while it cannot answer. */
export class HttpTransport {
  private readonly dispatchers: Dispatchers
  private readonly underWay = new Set<Promise<unknown>>()
  private readonly base: URL

  /**
   * @param signal ends all calls with its reason.
   * @throws RelukkoInvalidError for files or a proxy that cannot be used.
   */
  constructor(
    readonly baseUrl: string,
    private readonly apiKey: string,
    readonly settings: ClientSettings,
    readonly signal: AbortSignal,
    environment: Environment,
  ) {
    this.base = new URL(baseUrl)
    this.dispatchers = new Dispatchers(settings, settings.trustEnv ? environment : {}, this.base)
  }

  /** Whether its server is asked through a proxy. */
  get isProxied(): boolean {
    return this.dispatchers.proxyFor(this.base) !== undefined
  }

  /** For a request to a URL, to which a redirect may have led. */
  headersFor(url: URL): Record<string, string> {
    const { host, ...others } = this.settings.headers
    const isBase = url.origin === this.base.origin
    return { ...others, ...(host !== undefined && isBase && { host }), 'x-api-key': this.apiKey }
  }

  tlsFor(url: URL): ConnectionTls | undefined {
    return this.dispatchers.tlsFor(url)
  }

  /** What is to be asked instead; undefined when it is no redirect. @throws RelukkoServerError when it is not to be followed. */
  redirected(hop: Hop, answer: RedirectAnswer, followed: number): Hop | undefined {
    return redirected(hop, answer, followed, { baseUrl: this.baseUrl, ...this.settings })
  }

  /** Resolves to an answer below 500. @throws RelukkoServerError when there is none, and the signal's reason. */
  request(call: Call): Promise<Answer> {
    return this.during(this.persist(call))
  }

  /** It is not closed before the work ends. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.underWay.add(work)
    return work.finally(() => this.underWay.delete(work))
  }

  /** Ends when what is under way has ended. */
  async close(): Promise<void> {
    await Promise.allSettled(this.underWay)
    await this.dispatchers.destroy()
  }

  private async persist(call: Call): Promise<Answer> {
    const { tries, backoff, maxDelay = Infinity } = this.settings
    let [pause, asked] = [this.settings.delay, 0]
    for (let attempt = 1; ; attempt++) {
      const { last, count } = await this.repeat(call)
      asked += count
      if (isAnswer(last) && last.status < 500) return { status: last.status, body: last.body, tries: asked }
      const isWaitedFor = attempt < tries && (await this.pause(Math.min(pause, maxDelay), call))
      if (!isWaitedFor) throw this.failure(call, last, asked)
      pause *= backoff
    }
  }

  /** One try, with what the setting `retry` says. */
  private async repeat(call: Call): Promise<{ last: OneAnswer | Error; count: number }> {
    const retries = new Retries(this.settings.retry)
    for (let count = 1; ; count++) {
      const last = await this.attempt(call).catch((error: Error) => {
        this.signal.throwIfAborted()
        return curable(error)
      })
      const seconds = retries.next(last, isHarmless(call))
      if (seconds === undefined || !(await this.pause(seconds, call))) return { last, count }
    }
  }

  /** False, at once, when the call is not to be repeated so late. */
  private async pause(seconds: number, { retryUntil = Infinity }: Call): Promise<boolean> {
    const ms = timerMs(seconds)
    if (performance.now() + ms > retryUntil) return false
    await delay(ms, undefined, { signal: this.signal }).catch(() => this.signal.throwIfAborted())
    return true
  }

  private async attempt({ method, path, body, headers, retryUntil = Infinity }: Call): Promise<OneAnswer> {
    const ms = Math.min(this.settings.timeout * 1000, retryUntil + LATE_MS - performance.now())
    const first: Hop = {
      method,
      url: new URL(this.baseUrl + path),
      body: body === undefined ? undefined : JSON.stringify(body),
    }
    return bounded(ms, this.signal, async signal => {
      for (let hop = first, count = 0; ; count++) {
        const answer = await this.send(hop, headers, signal)
        const next = this.redirected(hop, answer, count)
        if (!next) return answer
        hop = next
      }
    })
  }

  private async send(
    { method, url, body }: Hop,
    headers: Call['headers'],
    signal: AbortSignal,
  ): Promise<OneAnswer> {
    const dispatcher = await this.dispatchers.to(url)
    const answer = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      signal,
      headers: {
        ...this.headersFor(url),
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
    })
    const { location, 'retry-after': retryAfter } = answer.headers
    return {
      status: answer.statusCode,
      body: parsed(await answer.body.text()),
      location: [location].flat()[0],
      retryAfter: [retryAfter].flat()[0],
    }
  }

  private failure({ method, path }: Call, last: OneAnswer | Error, tries: number): Error {
    const what = `${method} ${this.baseUrl}${path}`
    if (isAnswer(last)) {
      const message = `${what} was answered with ${last.status} (tries: ${tries}): ${messageOf(last)}`
      return new RelukkoServerError(message, { status: last.status })
    }
    const { message, code } = last as Error & { code?: string }
    const advice = 'Check that the server runs and that its URL is right.'
    return new RelukkoServerError(
      `${what} was not answered (tries: ${tries}): ${message || code}. ${advice}`,
      {
        cause: last,
      },
    )
  }
}

/** Said by undici of requests that it does not send. */
const INCURABLE = ['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']

/** @throws what no repetition would cure. */
function curable(error: Error & { code?: string }): Error {
  if (isSpicerackError(error)) throw error
  if (!INCURABLE.includes(error.code ?? '')) return error
  throw new RelukkoInvalidError(`The request cannot be made: ${error.message}.`, { cause: error })
}

function isAnswer(value: OneAnswer | Error): value is OneAnswer {
  return 'status' in value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Whether it changes nothing, however often it is made: two additions to the time of expiry would count twice. */
function isHarmless({ method, path }: Call): boolean {
  return method === 'GET' && !path.endsWith('/add_to_expire_at')
}
