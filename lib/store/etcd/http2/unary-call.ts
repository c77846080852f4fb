import { type ClientHttp2Stream, constants } from 'node:http2'
import { status } from '@grpc/grpc-js'
import { castGrpcError } from 'etcd3'
import { framed, Unframer } from './frames.js'
import type { Session, UnderWay } from './session.js'
import { causeOf, type Headers, isOk, type Status, statusError, statusIn, unavailable } from './status.js'

/** What is called. */
export interface UnaryRequest {
  readonly path: string
  readonly message: Buffer
  /** By `Date.now()`. */
  readonly deadline: number
  /** Of the user, if there is one. */
  readonly token?: Promise<string | undefined> | undefined
}

/**
 * A call with one message and one answer, once. Resolves to the answer as it came. Rejects as etcd3 does, and with the error of the
 * token.
 */
export function callOnce(session: Session, request: UnaryRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = new UnaryCall(session, request, resolve, reject)
    if (request.token) request.token.then(call.start, call.fail)
    else call.start(undefined)
  })
}

class UnaryCall implements UnderWay {
  private stream: ClientHttp2Stream | undefined
  private readonly startedAt = Date.now()
  private readonly timer: NodeJS.Timeout
  private readonly pieces = new Unframer()
  private answer: Buffer | undefined
  private status: Status | undefined
  private isOver = false

  constructor(
    private readonly session: Session,
    private readonly request: UnaryRequest,
    private readonly resolve: (answer: Buffer) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.timer = setTimeout(() => this.expire(), request.deadline - this.startedAt)
    session.add(this)
  }

  readonly start = (token: string | undefined): void => {
    if (this.isOver) return
    const { path, deadline, message } = this.request
    try {
      const stream = this.session.request(path, token, deadline - Date.now())
      this.stream = stream
      stream.on('response', headers => this.hear(headers))
      stream.on('data', (piece: Buffer) => this.take(piece))
      stream.on('trailers', (trailers: Headers) => (this.status = statusIn(trailers)))
      stream.on('end', () => this.end())
      stream.on('error', (error: Error) => this.cut(causeOf(error)))
      stream.on('close', () => this.cut('the connection was closed'))
      stream.end(framed(message))
    } catch (error) {
      this.cut((error as Error).message)
    }
  }

  /** Nothing was sent. */
  readonly fail = (error: Error): void => {
    if (this.finish()) this.reject(castGrpcError(error))
  }

  cut(reason: string): void {
    this.refuse(unavailable(reason))
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
      this.refuse({ code: status.INTERNAL, details: (error as Error).message })
    }
  }

  private end(): void {
    const { answer, status: last } = this
    this.session.onHeard()
    if (!last) return this.cut('the answer was cut off')
    if (!isOk(last)) return this.refuse(last)
    if (!answer) return this.refuse({ code: status.INTERNAL, details: 'the answer is empty' })
    if (this.finish()) this.resolve(answer)
  }

  private expire(): void {
    const seconds = (this.request.deadline - this.startedAt) / 1000
    this.refuse({ code: status.DEADLINE_EXCEEDED, details: `Deadline exceeded after ${seconds.toFixed(3)}s` })
  }

  private refuse(last: Status): void {
    if (!this.finish()) return
    this.reject(castGrpcError(statusError(last)))
    if (this.stream && !this.stream.closed) this.stream.close(constants.NGHTTP2_CANCEL)
  }

  private finish(): boolean {
    if (this.isOver) return false
    this.isOver = true
    clearTimeout(this.timer)
    this.session.delete(this)
    return true
  }
}
