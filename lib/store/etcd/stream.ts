import { isStoreError, StoreError } from '../store-error.js'
import { classify } from './classify.js'
import type { Connection } from './connection.js'
import type { MessageStream } from './http2/message-stream.js'
import { isDenied } from './http2/status.js'
import type { Member } from './member.js'

/** How long an unused stream stays open for the next use. An open stream keeps the process alive. */
const IDLE_MS = 500

interface StreamListener<Response> {
  onData(response: Response): void
  /** The stream is down; what was written and not answered is lost. The next write opens another. */
  onDown(error: StoreError): void
}

interface Current<Request, Response> {
  /** Undefined while there is no contact to any. */
  member: Member | undefined
  readonly opened: Promise<MessageStream<Request, Response>>
}

/** A bidirectional stream to etcd, opened by the first write, which says once when it goes down. */
export class Stream<Request, Response> {
  private current: Current<Request, Response> | undefined
  private idleTimer: NodeJS.Timeout | undefined

  constructor(
    private readonly connection: Connection,
    private readonly open: (member: Member) => Promise<MessageStream<Request, Response>>,
    private readonly listener: StreamListener<Response>,
  ) {
    connection.onFailure(() => this.fail(new Error('The connection to etcd was lost.')))
  }

  get isOpen(): boolean {
    return this.current !== undefined
  }

  /** @throws StoreError `closed` */
  write(request: Request): void {
    clearTimeout(this.idleTimer)
    const stream = (this.current ??= this.start())
    stream.opened.then(
      opened => {
        if (this.current === stream) opened.write(request)
      },
      () => {},
    )
  }

  /** Takes the stream down, as if it had failed, and gives up on its member. */
  fail(error: Error): void {
    const failed = this.current
    if (!failed) return
    this.close()
    const classified = classify(error)
    if (failed.member) this.connection.fail(failed.member, classified.message)
    this.listener.onDown(classified)
  }

  /** Takes the stream down, as if it had failed; its member goes on. */
  renew(error: Error): void {
    if (!this.current) return
    this.close()
    this.listener.onDown(classify(error))
  }

  /** Nothing is heard, and something should be. */
  readonly doubt = (): void => {
    if (this.current?.member) this.connection.doubt(this.current.member)
  }

  /** Nothing is expected of the stream at the moment: cuts it soon, without a word to the listener. */
  idle(): void {
    clearTimeout(this.idleTimer)
    this.idleTimer = setTimeout(() => this.close(), IDLE_MS)
  }

  /**
   * Cuts the stream without a word to the listener. To end it is not enough: etcd keeps an ended watch stream open.
   */
  close(): void {
    clearTimeout(this.idleTimer)
    const dropped = this.current
    this.current = undefined
    dropped?.opened.then(
      opened => opened.cancel(),
      () => {},
    )
  }

  private start(): Current<Request, Response> {
    this.connection.assertOpen()
    const opened = this.connection.contact().then(member => {
      stream.member = member
      return this.open(member)
    })
    const stream: Current<Request, Response> = { member: undefined, opened }
    const down = (error: Error = new Error('etcd ended the stream.')): void => {
      if (this.current !== stream) return
      if (isDenied(error)) this.renew(new StoreError('refused', classify(error).message))
      else this.fail(isStoreError(error) ? error : new StoreError('unreachable', classify(error).message))
    }
    const onMessage = (response: Response): void => {
      if (this.current === stream) this.listener.onData(response)
    }
    opened.then(messages => messages.listen({ onMessage, onEnd: down }), down)
    return stream
  }
}
