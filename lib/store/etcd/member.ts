import {
  type CallOptions as GrpcOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  InterceptingCall,
  type Interceptor,
  Metadata,
  status,
} from '@grpc/grpc-js'
import { noop } from 'cockatiel'
import { castGrpcError, Etcd3 } from 'etcd3'
import { isStoreError } from '../store-error.js'
import { classify } from './classify.js'
import type { EtcdOptions } from './options.js'
import { encodeWatchRequest, type WatchRequest } from './proto/watch-request.js'
import { decodeWatchResponse, type WatchResponse } from './proto/watch-response.js'
import { TlsCredentials } from './tls-credentials.js'
import { Token } from './token.js'

/** Below 5 s between pings etcd would cut the connection ("excess pings"). */
const grpcOptions = {
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.max_receive_message_length': -1,
  // A proxy of the environment is for the web.
  'grpc.enable_http_proxy': 0,
  // Accounts of each call that nobody asks for.
  'grpc.enable_channelz': 0,
}

let opened = 0

/**
 * Makes grpc-js connect anew: clients of equal options share a connection, also one that hangs because nobody
 * answers, and grpc-js never gives up on that by itself.
 */
const distinct = (): object => ({ 'grpc.primary_user_agent': `spicelock-${++opened}` })

const asIs = (bytes: Buffer): Buffer => bytes

/** A client on one endpoint, with one connection. It connects at the first call. */
export class Member {
  readonly client: Etcd3
  /** For calls that are encoded here; grpc-js lets it share the connection of {@link client}, whose options are the same. */
  private readonly raw: Client
  private readonly token: Token | undefined
  isClosed = false
  /** When it was last heard of, on the monotonic clock. */
  heardAt = -Infinity
  private answeredAt = -Infinity
  /** When the first call was sent of those that were given up since one was answered. */
  private vainSince = Infinity
  private readonly calls = new Set<InterceptingCall>()

  constructor(
    readonly endpoint: string,
    { tls, auth, callTimeoutMs }: EtcdOptions,
  ) {
    this.token =
      auth && new Token(() => this.client.auth.authenticate({ name: auth.username, password: auth.password }))
    const options = {
      ...grpcOptions,
      ...distinct(),
      ...(tls && new TlsCredentials(endpoint, tls).clientOptions),
    }
    this.client = new Etcd3({
      // What etcd3 would make of https is replaced.
      hosts: [endpoint.replace(/^https/, 'http')],
      grpcOptions: options,
      faultHandling: { host: () => noop, global: noop },
      defaultCallOptions: ({ isStream, method }) => ({
        ...this.optionsOf(method),
        ...(!isStream && { deadline: Date.now() + callTimeoutMs }),
      }),
    })
    this.raw = new Client(endpoint.replace(/^https?:\/\//, ''), credentials.createInsecure(), options)
  }

  /** A transaction, encoded, and its answer as it came. Rejects as etcd3 does. */
  transact(request: Buffer, options: GrpcOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.raw.makeUnaryRequest(
        '/etcdserverpb.KV/Txn',
        asIs,
        asIs,
        request,
        new Metadata(),
        { ...this.optionsOf('txn'), ...options },
        (error, response) => {
          if (error) reject(castGrpcError(error))
          else resolve(response!)
        },
      )
    })
  }

  /** A stream of watches. It has no deadline. */
  watch(): ClientDuplexStream<WatchRequest, WatchResponse> {
    const options = this.optionsOf('watch')
    return this.raw.makeBidiStreamRequest(
      '/etcdserverpb.Watch/Watch',
      encodeWatchRequest,
      decodeWatchResponse,
      new Metadata(),
      options,
    )
  }

  /**
   * Resolves when the member has shown that it serves. The question is a linearizable read: a member answers it when its
   * leader has confirmed it and the member has caught up with that, and looks only then whether the user may read. A
   * member whose disk hangs still answers what it can answer alone. @throws StoreError `unreachable`
   */
  async ping(): Promise<void> {
    try {
      const nothing = { key: Buffer.from('\0'), limit: '1', keys_only: true }
      await this.client.kv.range(nothing, { credentials: credentials.createEmpty() })
    } catch (error) {
      const classified = classify(error)
      if (isStoreError(classified, 'unreachable')) throw classified
    }
  }

  /** A call was answered. */
  answered(): void {
    this.answeredAt = performance.now()
    this.vainSince = Infinity
  }

  /** For how many milliseconds calls have been waiting in vain, when one that was sent at this time is given up. */
  vainFor(sentAt: number): number {
    if (this.answeredAt > sentAt) return 0
    this.vainSince = Math.min(this.vainSince, sentAt)
    return performance.now() - this.vainSince
  }

  /** Ends the calls under way, which may have been applied; grpc-js would leave them waiting until their deadlines. */
  close(reason: string): void {
    this.isClosed = true
    this.client.close()
    this.raw.close()
    for (const call of this.calls) call.cancelWithStatus(status.UNAVAILABLE, reason)
  }

  private optionsOf(method: string): GrpcOptions {
    const bearer = method === 'authenticate' ? undefined : this.token?.bearer(method)
    return bearer
      ? { interceptors: [this.trackCall, bearer.interceptor], credentials: bearer.credentials }
      : { interceptors: [this.trackCall] }
  }

  private readonly trackCall: Interceptor = (options, nextCall) => {
    const call: InterceptingCall = new InterceptingCall(nextCall(options), {
      start: (metadata, _, next) => {
        // A member that has lost its leader then refuses at once, instead of after 7 s.
        metadata.set('hasleader', 'true')
        this.calls.add(call)
        next(metadata, {
          onReceiveMetadata: (received, nextMetadata) => {
            this.heardAt = performance.now()
            nextMetadata(received)
          },
          onReceiveMessage: (message, nextMessage) => {
            this.heardAt = performance.now()
            nextMessage(message)
          },
          onReceiveStatus: (received, nextStatus) => {
            this.calls.delete(call)
            nextStatus(received)
          },
        })
      },
    })
    return call
  }
}
