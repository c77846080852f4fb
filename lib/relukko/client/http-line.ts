import { setTimeout as delay } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import {
  RelukkoForbiddenError,
  RelukkoInvalidError,
  RelukkoNotFoundError,
  RelukkoServerError,
} from '../errors.js'
import type { ClientSettings } from './client-options.js'
import { loadPeer } from './load-peer.js'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Answer {
  readonly status: number
  /** What JSON it was; undefined when it was none. */
  readonly body: unknown
}

/** Requests to one server, repeated as the settings say while it cannot answer. */
export class HttpLine {
  private readonly dispatcher: Promise<Dispatcher>
  private readonly underWay = new Set<Promise<unknown>>()

  constructor(
    readonly baseUrl: string,
    private readonly apiKey: string,
    private readonly settings: ClientSettings,
  ) {
    this.dispatcher = dispatcherOf(settings)
    // Whoever asks first is told.
    this.dispatcher.catch(() => {})
  }

  get headers(): Record<string, string> {
    return { ...this.settings.headers, 'x-api-key': this.apiKey }
  }

  /** Resolves to an answer below 500. @throws RelukkoServerError when there is none, and the signal's reason. */
  request(method: Method, path: string, signal: AbortSignal, body?: unknown): Promise<Answer> {
    const request = this.persist(method, path, signal, body).finally(() => this.underWay.delete(request))
    this.underWay.add(request)
    return request
  }

  /** Ends when what is under way has ended. */
  async close(): Promise<void> {
    await Promise.allSettled(this.underWay)
    await (await this.dispatcher.catch(() => undefined))?.close()
  }

  private async persist(method: Method, path: string, signal: AbortSignal, body: unknown): Promise<Answer> {
    const { tries, backoff, maxDelay = Infinity } = this.settings
    let pause = this.settings.delay
    for (let attempt = 1; ; attempt++) {
      const answer = await this.attempt(method, path, signal, body).catch((error: unknown) => {
        signal.throwIfAborted()
        return error
      })
      if (isAnswer(answer) && answer.status < 500) return answer
      if (attempt >= tries) throw this.failure(method, path, answer)
      await delay(1000 * Math.min(pause, maxDelay), undefined, { signal }).catch(() =>
        signal.throwIfAborted(),
      )
      pause *= backoff
    }
  }

  private async attempt(method: Method, path: string, signal: AbortSignal, body: unknown): Promise<Answer> {
    const dispatcher = await this.dispatcher
    const { origin, pathname } = new URL(this.baseUrl)
    const answer = await dispatcher.request({
      origin,
      path: pathname.replace(/\/$/, '') + path,
      method,
      signal,
      headers: { ...this.headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, body: parsed(text) }
  }

  private failure(method: Method, path: string, last: unknown): Error {
    const what = `${method} ${this.baseUrl}${path}`
    const { tries } = this.settings
    if (isAnswer(last)) {
      const message = `${what} was answered with ${last.status} (tries: ${tries}): ${messageOf(last)}`
      return new RelukkoServerError(message, { status: last.status })
    }
    if ((last as { code?: string }).code === 'LOCK_ERROR') return last as Error
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

/** What an answer that is not success means. */
export function errorOf(answer: Answer): Error {
  const message = messageOf(answer)
  switch (answer.status) {
    case 400:
    case 413:
      return new RelukkoInvalidError(message)
    case 401:
    case 403:
      return new RelukkoForbiddenError(message)
    case 404:
    case 422:
      return new RelukkoNotFoundError(message)
    default:
      return new RelukkoServerError(`The server has answered with ${answer.status}: ${message}`, {
        status: answer.status,
      })
  }
}

function isAnswer(value: unknown): value is Answer {
  return typeof (value as Partial<Answer> | null)?.status === 'number'
}

function messageOf({ status, body }: Answer): string {
  const message = (body as { message?: unknown } | null | undefined)?.message
  return typeof message === 'string' && message !== '' ? message : `status ${status}, without a message`
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
  const ms = timeout * 1000
  const limits = { headersTimeout: ms, bodyTimeout: ms }
  // Tunnels only for https: many a proxy refuses others.
  if (proxy !== undefined)
    return new ProxyAgent({ uri: proxy, requestTls: tls, proxyTunnel: false, ...limits })
  return new Agent({ connect: { ...tls, timeout: ms }, ...limits })
}
