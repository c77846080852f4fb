import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { Certificates } from '../options.js'

/** Below 5 s between pings etcd would cut the connection ("too many pings"). */
const PING_EVERY_MS = 6_000
const PING_ANSWER_MS = 2_000
/** How many bytes etcd may send ahead, in each call and in all: a long list of locks must not wait for us. */
const WINDOW_BYTES = 8 * 1024 * 1024
/** What Node lets a session keep of what has come and was not taken yet: above both windows. */
const SESSION_MB = 64

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH } = constants

/** A call, or a stream of messages, that is under way. */
export interface UnderWay {
  /** Ends it: its connection has failed. */
  cut(reason: string): void
}

/**
 * A connection to one member of etcd, by Node's own HTTP/2, for what is called for each lock: through grpc-js each call takes more than
 * twice the CPU. It connects at the first request, and again after a cut. While something is under way, the connection is pinged, and
 * keeps the process alive.
 */
export class Session {
  private current: ClientHttp2Session | undefined
  private readonly underWay = new Set<UnderWay>()

  constructor(
    private readonly endpoint: string,
    /** For https; asked for each connection. */
    private readonly certificates: (() => Certificates) | undefined,
    /** Told whenever something has come from the member. */
    readonly onHeard: () => void,
  ) {}

  /** Begins a request, of which nothing but the headers is sent. @param timeoutMs is told etcd. */
  request(path: string, token: string | undefined, timeoutMs?: number): ClientHttp2Stream {
    const headers: Record<string, string> = {
      [HTTP2_HEADER_METHOD]: 'POST',
      [HTTP2_HEADER_PATH]: path,
      'content-type': 'application/grpc',
      te: 'trailers',
      // A member that has lost its leader then refuses at once, instead of after 7 s.
      hasleader: 'true',
    }
    if (token !== undefined) headers['token'] = token
    if (timeoutMs !== undefined) headers['grpc-timeout'] = `${Math.max(1, Math.ceil(timeoutMs))}m`
    return this.connected().request(headers)
  }

  add(each: UnderWay): void {
    this.underWay.add(each)
    if (this.underWay.size === 1) this.current?.ref()
  }

  delete(each: UnderWay): void {
    this.underWay.delete(each)
    if (this.underWay.size === 0) this.current?.unref()
  }

  /** Ends what is under way, which may have been applied. */
  close(reason: string): void {
    const session = this.current
    this.drop(session, reason)
    session?.destroy()
  }

  private connected(): ClientHttp2Session {
    const { current } = this
    if (current && !current.closed && !current.destroyed) return current
    const session = connect(this.endpoint, {
      ...this.certificates?.(),
      maxSessionMemory: SESSION_MB,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    })
    const pings = setInterval(() => this.ping(session), PING_EVERY_MS).unref()
    // It may have been given up in the same moment.
    session.on('connect', () => session.destroyed || session.setLocalWindowSize(WINDOW_BYTES))
    session.on('error', (error: Error) => this.drop(session, error.message))
    session.on('close', () => {
      clearInterval(pings)
      this.drop(session, 'the connection was closed')
    })
    if (this.underWay.size === 0) session.unref()
    return (this.current = session)
  }

  private drop(session: ClientHttp2Session | undefined, reason: string): void {
    if (this.current !== session) return
    this.current = undefined
    for (const each of [...this.underWay]) each.cut(reason)
  }

  private ping(session: ClientHttp2Session): void {
    if (this.underWay.size === 0 || session.destroyed || session.connecting) return
    const silence = setTimeout(() => {
      session.destroy(new Error(`no answer to a ping within ${PING_ANSWER_MS / 1000} s`))
    }, PING_ANSWER_MS)
    if (!session.ping(() => clearTimeout(silence))) clearTimeout(silence)
  }
}
