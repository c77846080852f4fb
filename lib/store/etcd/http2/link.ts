import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { Certificates } from '../options.js'
import { causeOf } from './status.js'

/** Below 5 s between pings etcd would cut the connection ("too many pings"). */
const PING_EVERY_MS = 6_000
const PING_ANSWER_MS = 2_000
/** How many bytes etcd may send ahead, in each call and in all: a long list of locks must not wait for us. */
const WINDOW_BYTES = 8 * 1024 * 1024
/** What Node lets a connection keep of what has come and was not taken yet: above both windows. */
const MOST_KEPT_MB = 64

/** A call, or a stream of messages, that is under way. */
export interface UnderWay {
  /** It begins: once, and soon, unless it is cut before. */
  onStream(stream: ClientHttp2Stream): void
  /** Its connection has failed, or cannot be made. */
  cut(reason: string): void
}

/** One connection by HTTP/2. While something is under way on it, it is pinged, and keeps the process alive. */
export class Link {
  private readonly http2: ClientHttp2Session
  private readonly underWay = new Set<UnderWay>()
  /** What begins once etcd has said how many streams it takes at once: before, Node would send more than those. */
  private early: (() => void)[] | undefined = []

  constructor(
    endpoint: string,
    certificates: Certificates | undefined,
    /** Nothing more comes from it, and nothing is under way any more. */
    onClosed: (link: Link) => void,
  ) {
    const http2 = connect(endpoint, {
      ...certificates,
      // Whatever the environment says.
      rejectUnauthorized: true,
      maxSessionMemory: MOST_KEPT_MB,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    })
    this.http2 = http2
    const pings = setInterval(() => this.ping(), PING_EVERY_MS).unref()
    // It may have been given up in the same moment.
    http2.on('connect', () => http2.destroyed || http2.setLocalWindowSize(WINDOW_BYTES))
    http2.once('remoteSettings', () => this.begin())
    http2.on('error', (error: Error) => this.cut(causeOf(error)))
    http2.on('close', () => {
      clearInterval(pings)
      this.cut('the connection was closed')
      onClosed(this)
    })
    http2.unref()
  }

  /** Whether it takes something new: not once etcd is going to end, and has said so. */
  get isOpen(): boolean {
    return !this.http2.closed && !this.http2.destroyed
  }

  /** @param headersOf is called when it begins. */
  add(each: UnderWay, headersOf: () => OutgoingHttpHeaders): void {
    this.underWay.add(each)
    if (this.underWay.size === 1) this.http2.ref()
    if (this.early) this.early.push(() => this.open(each, headersOf))
    else this.open(each, headersOf)
  }

  delete(each: UnderWay): void {
    if (this.underWay.delete(each) && this.underWay.size === 0) this.http2.unref()
  }

  /** Ends what is under way, which may have been applied. */
  close(reason: string): void {
    this.cut(reason)
    this.http2.destroy()
  }

  private begin(): void {
    const early = this.early ?? []
    this.early = undefined
    for (const open of early) open()
  }

  private open(each: UnderWay, headersOf: () => OutgoingHttpHeaders): void {
    if (!this.underWay.has(each)) return
    try {
      each.onStream(this.http2.request(headersOf()))
    } catch (error) {
      // It is closed, or has had all the streams that a connection can have.
      this.http2.close()
      this.delete(each)
      each.cut((error as Error).message)
    }
  }

  private cut(reason: string): void {
    for (const each of [...this.underWay]) {
      this.delete(each)
      each.cut(reason)
    }
  }

  private ping(): void {
    const { http2 } = this
    if (this.underWay.size === 0 || http2.destroyed || http2.connecting) return
    const silence = setTimeout(() => {
      http2.destroy(new Error(`no answer to a ping within ${PING_ANSWER_MS / 1000} s`))
    }, PING_ANSWER_MS).unref()
    if (!http2.ping(() => clearTimeout(silence))) clearTimeout(silence)
  }
}
