import { type ClientHttp2Stream, constants } from 'node:http2'
import { framed, Unframer } from './frames.js'
import type { Link, UnderWay } from './link.js'
import type { Session } from './session.js'
import {
  causeOf,
  type Headers,
  isOk,
  type Status,
  StatusCode,
  statusError,
  statusIn,
  unavailable,
} from './status.js'

/** What is called. */
export interface UnaryRequest {
  readonly path: string
  readonly message: Buffer
  /** By `performance.now()`: when the wall clock is set back while a member is looked for, a call would wait for that much longer. */
  readonly deadline: number
  /** Of the user, if there is one. */
  readonly token?: Promise<string | undefined> | undefined
}

/**
 * A call with one message and one answer, once. Resolves to the answer as it came. Rejects with the code of its status, and with the error of
 * the token.
 */
export function callOnce(session: Session, request: UnaryRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    new UnaryCall(session, request, resolve, reject).begin()
  })
}

class UnaryCall implements UnderWay {
  private link: Link | undefined
  private stream: ClientHttp2Stream | undefined
  private readonly timer: NodeJS.Timeout
  private readonly withinMs: number
  private readonly pieces = new Unframer()
  private answer: Buffer | undefined
  private status: Status | undefined
  private isAgain = false
  private isOver = false

  constructor(
    private readonly session: Session,
    private readonly request: UnaryRequest,
    private readonly resolve: (answer: Buffer) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.withinMs = Math.max(0, request.deadline - performance.now())
    this.timer = setTimeout(() => this.expire(), this.withinMs)
  }

  begin(): void {
    const { token } = this.request
    if (token) token.then(this.start, this.fail)
    else this.start(undefined)
  }

  private readonly start = (token: string | undefined): void => {
    if (this.isOver) return
    const { path, deadline } = this.request
    this.link = this.session.begin(this, { path, token, deadline })
  }

  /** Nothing was sent. */
  private readonly fail = (error: Error): void => {
    if (this.finish()) this.reject(error)
  }

  onStream(stream: ClientHttp2Stream): void {
    this.stream = stream
    stream.on('response', headers => this.hear(headers))
    stream.on('data', (piece: Buffer) => this.take(piece))
    stream.on('trailers', (trailers: Headers) => {
      this.session.onHeard()
      this.status = statusIn(trailers)
    })
    stream.on('end', () => this.end())
    stream.on('error', (error: Error) => this.onBroken(stream, error))
    stream.on('close', () => stream === this.stream && this.cut('the connection was closed'))
    stream.end(framed(this.request.message))
  }

  cut(reason: string): void {
    this.refuse(unavailable(reason))
  }

  /**
   * What etcd has refused to take, since it has as many streams as it allows, or is going to end, it has not looked at
   * (https://www.rfc-editor.org/rfc/rfc9113#section-8.7): it is sent again, once. Of an error of the whole connection every stream
   * has the code, also what was taken.
   */
  private onBroken(stream: ClientHttp2Stream, error: Error): void {
    const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && isOfStream(error)
    if (stream !== this.stream || this.isOver) return
    if (!isRefused || this.isAgain) return this.cut(causeOf(error))
    this.isAgain = true
    this.stream = undefined
    this.link?.delete(this)
    this.begin()
  }

  /** A refusal may come at once; something between us and etcd sends what is no message after it. */
  private hear(headers: Headers): void {
    this.session.onHeard()
    this.status = statusIn(headers)
    if (this.status && !isOk(this.status)) this.refuse(this.status)
  }

  private take(piece: Buffer): void {
    this.session.onHeard()
    try {
      for (const message of this.pieces.push(piece)) this.answer ??= message
    } catch (error) {
      this.refuse({ code: StatusCode.INTERNAL, details: (error as Error).message })
    }
  }

  /** Of the stream: Node says so of one that is broken off, too. */
  private end(): void {
    const { answer, status: last } = this
    if (!last) return
    if (!isOk(last)) this.refuse(last)
    else if (!answer) this.refuse({ code: StatusCode.INTERNAL, details: 'the answer is empty' })
    else if (this.finish()) this.resolve(answer)
  }

  private expire(): void {
    const seconds = (this.withinMs / 1000).toFixed(3)
    this.refuse({ code: StatusCode.DEADLINE_EXCEEDED, details: `Deadline exceeded after ${seconds}s` })
  }

  private refuse(last: Status): void {
    if (!this.finish()) return
    this.reject(statusError(last))
    if (this.stream && !this.stream.closed) this.stream.close(constants.NGHTTP2_CANCEL)
  }

  private finish(): boolean {
    if (this.isOver) return false
    this.isOver = true
    clearTimeout(this.timer)
    this.link?.delete(this)
    return true
  }
}

function isOfStream(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_HTTP2_STREAM_ERROR'
}
