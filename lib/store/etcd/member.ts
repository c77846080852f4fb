import { type CallOptions as GrpcOptions, InterceptingCall, type Interceptor, status } from '@grpc/grpc-js'
import { noop } from 'cockatiel'
import { Etcd3 } from 'etcd3'
import type { LeaseId } from '../../kv/key-value.js'
import { isStoreError } from '../store-error.js'
import { classify } from './classify.js'
import { MessageStream } from './http2/message-stream.js'
import { Session } from './http2/session.js'
import { isDenied } from './http2/status.js'
import { callOnce } from './http2/unary-call.js'
import type { EtcdOptions } from './options.js'
import { decodeLease, encodeLeaseGrant, encodeLeaseId, type LeaseResponse } from './proto/lease-calls.js'
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

/** A `RangeRequest` for a key that nobody has: the key, a limit of one, and the keys only. */
const READ_NOTHING = Buffer.from([0x0a, 1, 0, 0x18, 1, 0x40, 1])

/**
 * A client on one endpoint. What locks need goes over one connection, on which it is also asked whether it is there; etcd3 has another
 * for what is called rarely: to sign in, and to ask for the version. Each is made at its first call.
 */
export class Member {
  readonly client: Etcd3
  private readonly session: Session
  private readonly token: Token | undefined
  private readonly callTimeoutMs: number
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
    this.callTimeoutMs = callTimeoutMs
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
    this.session = new Session(endpoint, tls, () => this.heard())
  }

  /** A transaction, encoded, and its answer as it came. One attempt, as of all calls here. Rejects as etcd3 does. */
  transact(message: Buffer, deadline: number): Promise<Buffer> {
    return this.call('KV/Txn', message, deadline)
  }

  async grantLease(ttl: number, deadline: number): Promise<LeaseResponse> {
    return decodeLease(await this.call('Lease/LeaseGrant', encodeLeaseGrant(ttl), deadline))
  }

  async leaseTimeToLive(id: LeaseId, deadline: number): Promise<LeaseResponse> {
    return decodeLease(await this.call('Lease/LeaseTimeToLive', encodeLeaseId(id), deadline))
  }

  async revokeLease(id: LeaseId, deadline: number): Promise<void> {
    await this.call('Lease/LeaseRevoke', encodeLeaseId(id), deadline)
  }

  /** A stream of watches. */
  async watch(): Promise<MessageStream<WatchRequest, WatchResponse>> {
    const token = this.token?.get()
    const decode = (bytes: Buffer): WatchResponse => {
      const response = decodeWatchResponse(bytes)
      if (token) this.token!.heard(response.cancelReason, token)
      return response
    }
    const head = { path: '/etcdserverpb.Watch/Watch', token: await token }
    return new MessageStream(this.session, head, { encode: encodeWatchRequest, decode })
  }

  /**
   * A stream of renewals. They go without a token when the user is refused, since etcd asks for none: a lock is not lost because a
   * password is being changed.
   */
  async renewals(): Promise<MessageStream<LeaseId, LeaseResponse>> {
    const token = await this.token?.get().catch((error: unknown) => {
      if (!isDenied(error)) throw error
      return undefined
    })
    const head = { path: '/etcdserverpb.Lease/LeaseKeepAlive', token }
    return new MessageStream(this.session, head, { encode: encodeLeaseId, decode: decodeLease })
  }

  /**
   * Resolves when the member has shown that it serves. The question is a linearizable read: a member answers it when its
   * leader has confirmed it and the member has caught up with that, and looks only then whether the user may read. A
   * member whose disk hangs still answers what it can answer alone. @throws StoreError `unreachable`
   */
  async ping(): Promise<void> {
    try {
      const deadline = Date.now() + this.callTimeoutMs
      await callOnce(this.session, { path: '/etcdserverpb.KV/Range', message: READ_NOTHING, deadline })
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
    this.session.close(reason)
    for (const call of this.calls) call.cancelWithStatus(status.UNAVAILABLE, reason)
  }

  private call(method: string, message: Buffer, deadline: number): Promise<Buffer> {
    const { session, token: users } = this
    const request = { path: `/etcdserverpb.${method}`, message, deadline }
    if (!users) return callOnce(session, request)
    const token = users.get()
    return callOnce(session, { ...request, token }).catch((error: Error) => {
      users.heard(error.message, token)
      throw error
    })
  }

  private heard(): void {
    this.heardAt = performance.now()
  }

  private optionsOf(method: string): GrpcOptions {
    const bearer = method === 'authenticate' ? undefined : this.token?.bearer
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
            this.heard()
            nextMetadata(received)
          },
          onReceiveMessage: (message, nextMessage) => {
            this.heard()
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
