import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2'
import { framed, Unframer } from '../../../lib/store/etcd/http2/frames.js'
import { EtcdCalls, varint } from '../etcd-calls.js'

/** Calls of etcd over Node's own HTTP/2: what of gRPC etcd asks for, without deadlines and without a second attempt. */
export class BareCalls {
  private constructor(
    private readonly session: ClientHttp2Session,
    /** One that outlives every measurement, as a varint. */
    readonly lease: Buffer,
  ) {}

  static async open(endpoint: string): Promise<BareCalls> {
    const calls = new EtcdCalls(endpoint)
    try {
      const lease = varint(await calls.lease())
      return new BareCalls(connect(endpoint), lease)
    } finally {
      calls.close()
    }
  }

  send(method: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.request(method)
      const pieces: Buffer[] = []
      let failure: string | undefined = 'the answer was cut off'
      const onHeaders = ({ 'grpc-status': status, 'grpc-message': told }: IncomingHttpHeaders): void => {
        if (status !== undefined) failure = status === '0' ? undefined : String(told)
      }
      stream.on('response', onHeaders)
      stream.on('trailers', onHeaders)
      stream.on('data', (piece: Buffer) => pieces.push(piece))
      stream.on('error', reject)
      stream.on('end', () => {
        const [answer] = new Unframer().push(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
        if (failure === undefined && answer) resolve(answer)
        else reject(new Error(`${method}: ${failure ?? 'the answer is empty'}`))
      })
      stream.end(framed(message))
    })
  }

  /** One message to etcd, and all that come from there until the session is closed. */
  listen(method: string, message: Buffer, hear: (message: Buffer) => void): void {
    const stream = this.request(method)
    const pieces = new Unframer()
    // A session that is closed ends its streams with an error.
    stream.on('error', () => {})
    stream.on('data', (piece: Buffer) => {
      for (const each of pieces.push(piece)) hear(each)
    })
    stream.write(framed(message))
  }

  close(): void {
    this.session.destroy()
  }

  private request(method: string): ClientHttp2Stream {
    return this.session.request({
      ':method': 'POST',
      ':path': `/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
  }
}
