import { type ClientHttp2Stream, constants } from 'node:http2'
import { framed, Unframer } from './frames.js'
import type { Link, UnderWay } from './link.js'
import type { RequestHead, Session } from './session.js'
import { causeOf, type Headers, isOk, type Status, statusError, statusIn, unavailable } from './status.js'

export interface MessageListener<Response> {
  onMessage(message: Response): void
  /** Once; not after a cancel. The error has the code of its status, if etcd has not just ended the stream. */
  onEnd(error: Error | undefined): void
}

/** How messages are written and read. */
export interface Codec<Request, Response> {
  encode(message: Request): Buffer
  /** @throws Error for bytes that are none. */
  decode(bytes: Buffer): Response
}

/** A stream of messages in both directions. It has no deadline. */
export class MessageStream<Request, Response> implements UnderWay {
  private readonly link: Link | undefined
  private stream: ClientHttp2Stream | undefined
  private readonly pieces = new Unframer()
  private unsent: Buffer[] = []
  private listener: MessageListener<Response> | undefined
  private status: Status | undefined
  /** How it has ended. */
  private last: Status | undefined

  constructor(
    private readonly session: Session,
    head: RequestHead,
    private readonly codec: Codec<Request, Response>,
  ) {
    this.link = session.begin(this, head)
  }

  onStream(stream: ClientHttp2Stream): void {
    this.stream = stream
    stream.on('response', headers => this.hear(headers))
    stream.on('data', (piece: Buffer) => this.take(piece))
    stream.on('trailers', (trailers: Headers) => (this.status = statusIn(trailers)))
    stream.on('end', () => this.onEnd())
    stream.on('error', (error: Error) => this.cut(causeOf(error)))
    stream.on('close', () => this.cut('the connection was closed'))
    this.flush()
  }

  /** To be called before anything can have come. */
  listen(listener: MessageListener<Response>): void {
    this.listener = listener
    if (this.last) this.tellEnd(this.last)
  }

  /** What is written in one go is sent at once: hundreds of leases may be due together. */
  write(message: Request): void {
    if (this.last) return
    this.unsent.push(framed(this.codec.encode(message)))
    if (this.unsent.length === 1) process.nextTick(() => this.flush())
  }

  /** Nothing more is told. */
  cancel(): void {
    this.listener = undefined
    this.cut('cancelled')
  }

  cut(reason: string): void {
    this.end(unavailable(reason))
  }

  private flush(): void {
    if (!this.stream || this.last || this.unsent.length === 0) return
    this.stream.write(Buffer.concat(this.unsent))
    this.unsent = []
  }

  /** Without a status it was broken off: an error that says why may follow, but no close, since our side is open. */
  private onEnd(): void {
    if (this.status) this.end(this.status)
    else setImmediate(() => this.cut('the stream was broken off'))
  }

  private hear(headers: Headers): void {
    this.session.onHeard()
    this.status = statusIn(headers)
    if (this.status && !isOk(this.status)) this.end(this.status)
  }

  private take(piece: Buffer): void {
    this.session.onHeard()
    // What a listener throws is its own fault, and none of the stream.
    for (const message of this.decoded(piece)) this.listener?.onMessage(message)
  }

  private decoded(piece: Buffer): Response[] {
    try {
      return this.pieces.push(piece).map(bytes => this.codec.decode(bytes))
    } catch (error) {
      this.cut((error as Error).message)
      return []
    }
  }

  private end(last: Status): void {
    if (this.last) return
    this.last = last
    this.link?.delete(this)
    if (this.stream && !this.stream.closed) this.stream.close(constants.NGHTTP2_CANCEL)
    this.tellEnd(last)
  }

  private tellEnd(last: Status): void {
    this.listener?.onEnd(isOk(last) ? undefined : statusError(last))
  }
}
