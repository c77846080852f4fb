import { constants, type OutgoingHttpHeaders } from 'node:http2'
import type { Certificates } from '../options.js'
import { Link, type UnderWay } from './link.js'

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH } = constants

/** What is asked for. */
export interface RequestHead {
  readonly path: string
  /** Of the user, if there is one. */
  readonly token: string | undefined
  /** By `performance.now()`; etcd is told what is left until then. */
  readonly deadline?: number
}

/**
 * The way to one member of etcd by Node's own HTTP/2, for what is called for each lock: through grpc-js each call takes more than twice
 * the CPU. It connects at the first request, and again after a cut. A connection that etcd is going to end answers what it has
 * taken, beside the next.
 */
export class Session {
  private current: Link | undefined
  private readonly links = new Set<Link>()
  private closedFor: string | undefined

  constructor(
    private readonly endpoint: string,
    /** For https; asked for each connection. */
    private readonly certificates: (() => Certificates) | undefined,
    /** Told whenever something has come from the member. */
    readonly onHeard: () => void,
  ) {}

  /** Begins a request, of which nothing but the headers is sent. Returns where it is under way, until it is deleted there. */
  begin(each: UnderWay, { path, token, deadline }: RequestHead): Link | undefined {
    if (this.closedFor !== undefined) return void each.cut(this.closedFor)
    const link = this.connected()
    link.add(each, () => {
      const headers: OutgoingHttpHeaders = {
        [HTTP2_HEADER_METHOD]: 'POST',
        [HTTP2_HEADER_PATH]: path,
        'content-type': 'application/grpc',
        te: 'trailers',
        // A member that has lost its leader then refuses at once, instead of after 7 s.
        hasleader: 'true',
      }
      if (token !== undefined) headers['token'] = token
      if (deadline !== undefined)
        headers['grpc-timeout'] = `${Math.max(1, Math.ceil(deadline - performance.now()))}m`
      return headers
    })
    return link
  }

  /** Ends what is under way, which may have been applied. Nothing begins any more. */
  close(reason: string): void {
    this.closedFor = reason
    for (const link of [...this.links]) link.close(reason)
  }

  private connected(): Link {
    if (this.current?.isOpen) return this.current
    const link = new Link(this.endpoint, this.certificates?.(), closed => this.links.delete(closed))
    this.links.add(link)
    return (this.current = link)
  }
}
