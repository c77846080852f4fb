import { status } from '@grpc/grpc-js'
import { StoreError } from '../store-error.js'
import { classify } from './classify.js'
import type { Connection } from './connection.js'
import type { Member } from './member.js'

/** How long an unused stream stays open for the next use. An open stream keeps the process alive. */
const IDLE_MS = 500

interface Duplex<Request, Response> {
  write(request: Request): void
  end(): void
  cancel(): void
  on(event: 'data', listener: (response: Response) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
}

interface StreamListener<Response> {
  onData(response: Response): void
  /** The stream is down; what was written and not answered is lost. The next write opens another. */
  onDown(error: StoreError): void
}

interface Opened<Request, Response> {
  /** Undefined while there is no contact to any. */
  member: Member | undefined
  readonly duplex: Promise<Duplex<Request, Response>>
}

/** A bidirectional stream to etcd, opened by the first write, which says once when it goes down. */
export class Stream<Request, Response> {
  private current: Opened<Request, Response> | undefined
  private idleTimer: NodeJS.Timeout | undefined

  constructor(
    private readonly connection: Connection,
    private readonly open: (member: Member) => Duplex<Request, Response> | Promise<Duplex<Request, Response>>,
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
    stream.duplex.then(
      duplex => {
        if (this.current === stream) duplex.write(request)
      },
      () => {},
    )
  }

  /** Takes the stream down, as if it had failed, and gives up on its member. */
  fail(error: Error): void {
    const failed = this.current
    if (!failed) return
    this.close()
    if (failed.member) this.connection.fail(failed.member)
    this.listener.onDown(classify(error))
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
   * Nor is to cancel it: etcd3 would take that for a fault, and cut the calls in flight on the same client.
   */
  close(): void {
    clearTimeout(this.idleTimer)
    const dropped = this.current
    this.current = undefined
    dropped?.duplex.then(
      duplex => {
        duplex.end()
        duplex.cancel()
      },
      () => {},
    )
  }

  private start(): Opened<Request, Response> {
    this.connection.assertOpen()
    const duplex = this.connection.contact().then(member => {
      stream.member = member
      return this.open(member)
    })
    const stream: Opened<Request, Response> = { member: undefined, duplex }
    const down = (error: Error): void => {
      if (this.current !== stream) return
      if (isDenied(error)) this.renew(new StoreError('refused', classify(error).message))
      else this.fail(error)
    }
    duplex.then(opened => {
      opened.on('data', response => {
        if (this.current === stream) this.listener.onData(response)
      })
      opened.on('error', down)
      opened.on('end', () => down(new Error('etcd ended the stream.')))
    }, down)
    return stream
  }
}

/** The user is not let in, which says nothing about the member. */
function isDenied(error: Error): boolean {
  return 'code' in error && error.code === status.PERMISSION_DENIED
}
