import { setMaxListeners } from 'node:events'
import type * as Undici from 'undici'
import type { ClientSettings } from '../client-options.js'
import type { Environment } from '../environment.js'
import { loadPeer } from './load-peer.js'
import { type Proxy, proxyFor } from './proxy.js'
import { timerMs } from '../timer-ms.js'
import { type ConnectionTls, TlsSettings } from '../tls/tls.js'

interface Made {
  readonly dispatcher: Undici.Dispatcher
  readonly tls: ConnectionTls | undefined
}

/** Undici's connections, as the settings and the environment say: one dispatcher for each proxy, and one for no proxy. */
export class Dispatchers {
  private readonly tls: TlsSettings
  private readonly undici: Promise<typeof Undici>
  private readonly made = new Map<string, Made>()
  private readonly ends = new Set<Promise<void>>()
  /** Undici leaves a connection that is being made when it is destroyed, until that is made or its time is over. */
  private readonly sockets = new AbortController()

  /** @throws RelukkoInvalidError for what calls to `baseUrl` would need and cannot use. */
  constructor(
    private readonly settings: ClientSettings,
    private readonly environment: Environment,
    baseUrl: URL,
  ) {
    this.tls = new TlsSettings(settings.tls, environment)
    this.proxyFor(baseUrl)
    // What the environment says of TLS is no concern of a client that needs none.
    const isAsked = Object.keys(settings.tls).length > 0
    if (isAsked || this.isSecure(baseUrl)) this.tls.server()
    this.undici = loadPeer('undici', () => import('undici'))
    // One for each connection.
    setMaxListeners(0, this.sockets.signal)
    // The first request is told.
    this.undici.catch(() => {})
  }

  proxyFor(url: URL): Proxy | undefined {
    return proxyFor(url, this.settings, this.environment)
  }

  /** For a WebSocket. @throws RelukkoInvalidError when the files of TLS cannot be used. */
  tlsFor(url: URL): ConnectionTls | undefined {
    return url.protocol === 'https:' ? this.tls.server() : undefined
  }

  /** @throws RelukkoError when undici is not installed, RelukkoInvalidError when the files of TLS or the proxy cannot be used. */
  async to(url: URL): Promise<Undici.Dispatcher> {
    const undici = await this.undici
    const proxy = this.proxyFor(url)
    const isSecure = this.isSecure(url)
    const tls = isSecure ? this.tls.server() : undefined
    const name = `${proxy?.url.href} ${isSecure}`
    const before = this.made.get(name)
    if (before?.tls === tls && before) return before.dispatcher
    // Other certificates: new calls make new connections, and those under way keep theirs.
    if (before) this.retire(before.dispatcher.close())
    const dispatcher = this.make(undici, proxy, tls)
    this.made.set(name, { dispatcher, tls })
    return dispatcher
  }

  /** Ends all connections. */
  async destroy(): Promise<void> {
    await this.undici.catch(() => {})
    await Promise.all([...this.made.values()].map(({ dispatcher }) => dispatcher.destroy()))
    await Promise.all(this.ends)
    this.sockets.abort()
  }

  private make(
    { Agent, ProxyAgent }: typeof Undici,
    proxy: Proxy | undefined,
    tls: ConnectionTls | undefined,
  ): Undici.Dispatcher {
    const ms = timerMs(this.settings.timeout)
    const limits = { headersTimeout: ms, bodyTimeout: ms }
    const common = { timeout: ms, signal: this.sockets.signal }
    if (!proxy) return new Agent({ connect: { ...tls, ...common }, ...limits })
    return new ProxyAgent({
      uri: proxy.url.href,
      ...(proxy.authorization !== undefined && { token: proxy.authorization }),
      // Tunnels only for https: many a proxy refuses others.
      proxyTunnel: false,
      requestTls: { ...tls, ...common },
      proxyTls: { ...(proxy.url.protocol === 'https:' && this.tls.proxy()), ...common },
      ...limits,
    })
  }

  private isSecure(url: URL): boolean {
    return url.protocol === 'https:' || this.proxyFor(url)?.url.protocol === 'https:'
  }

  private retire(end: Promise<void>): void {
    const settled = end.catch(() => {}).finally(() => this.ends.delete(settled))
    this.ends.add(settled)
  }
}
