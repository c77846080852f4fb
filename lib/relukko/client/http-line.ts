import { setTimeout as delay } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { RelukkoInvalidError, RelukkoServerError } from '../errors.js'
import { type Answer, messageOf } from './answer.js'
import { bounded } from './bounded.js'
import type { ClientSettings } from './client-options.js'
import { loadPeer } from './load-peer.js'
import { timerMs } from './timer-ms.js'

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** By `performance.now()`; no try follows another after it, and one that is under way gets {@link LATE_MS} more. */
  readonly retryUntil?: number
}

/** Milliseconds for an answer that is under way. */
const LATE_MS = 1_000

type OneAnswer = Omit<Answer, 'tries'>

/** Requests to one server under one set of settings, repeated as these say while it cannot answer. */
export class HttpLine {
  private readonly dispatcher: Promise<Dispatcher>
  private readonly underWay = new Set<Promise<unknown>>()

  /** @param signal ends all calls with its reason. */
  constructor(
    readonly baseUrl: string,
    private readonly apiKey: string,
    readonly settings: ClientSettings,
    readonly signal: AbortSignal,
  ) {
    this.dispatcher = dispatcherOf(settings)
    // Whoever asks first is told.
    this.dispatcher.catch(() => {})
  }

  get headers(): Record<string, string> {
    return { ...this.settings.headers, 'x-api-key': this.apiKey }
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
    await (await this.dispatcher.catch(() => undefined))?.destroy()
  }

  private async persist(call: Call): Promise<Answer> {
    const { tries, backoff, maxDelay = Infinity } = this.settings
    const { retryUntil = Infinity } = call
    let pause = this.settings.delay
    for (let attempt = 1; ; attempt++) {
      const answer = await this.attempt(call).catch((error: Error) => {
        this.signal.throwIfAborted()
        return curable(error)
      })
      if (isAnswer(answer) && answer.status < 500) return { ...answer, tries: attempt }
      const ms = timerMs(Math.min(pause, maxDelay))
      if (attempt >= tries || performance.now() + ms > retryUntil) throw this.failure(call, answer, attempt)
      await delay(ms, undefined, { signal: this.signal }).catch(() => this.signal.throwIfAborted())
      pause *= backoff
    }
  }

  private async attempt({ method, path, body, headers, retryUntil = Infinity }: Call): Promise<OneAnswer> {
    const dispatcher = await this.dispatcher
    const { origin, pathname } = new URL(this.baseUrl)
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const ms = Math.min(this.settings.timeout * 1000, retryUntil + LATE_MS - performance.now())
    return bounded(ms, this.signal, async signal => {
      const answer = await dispatcher.request({
        origin,
        path: pathname.replace(/\/$/, '') + path,
        method,
        signal,
        headers: { ...this.headers, ...headers, ...json },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return { status: answer.statusCode, body: parsed(await answer.body.text()) }
    })
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
  if (error.code === 'LOCK_ERROR') throw error
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

async function dispatcherOf({ tls, timeout, proxy }: ClientSettings): Promise<Dispatcher> {
  const { Agent, ProxyAgent } = await loadPeer('undici', () => import('undici'))
  const ms = timerMs(timeout)
  const limits = { headersTimeout: ms, bodyTimeout: ms }
  // Tunnels only for https: many a proxy refuses others.
  if (proxy) return new ProxyAgent({ uri: proxy, requestTls: tls, proxyTunnel: false, ...limits })
  return new Agent({ connect: { ...tls, timeout: ms }, ...limits })
}
