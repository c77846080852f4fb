import { type CallOptions as GrpcOptions, InterceptingCall, type Interceptor, status } from '@grpc/grpc-js'
import { noop } from 'cockatiel'
import { Etcd3 } from 'etcd3'
import type { EtcdOptions } from './options.js'
import { TlsCredentials } from './tls-credentials.js'

/** Below 5 s between pings etcd would cut the connection ("excess pings"). */
const grpcOptions = {
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 2_000,
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

/**
 * How users sign in to one endpoint: by etcd3, over a connection of its own that is made at the first call. This file is loaded when a
 * user signs in, and not before: with what it imports it takes a process 20 MB, and a tenth of a second.
 */
export class Authenticator {
  private readonly client: Etcd3
  private readonly calls = new Set<InterceptingCall>()

  constructor(
    endpoint: string,
    { tls, callTimeoutMs }: Pick<EtcdOptions, 'tls' | 'callTimeoutMs'>,
    /** Told whenever something has come from the member. */
    private readonly onHeard: () => void,
  ) {
    this.client = new Etcd3({
      // What etcd3 would make of https is replaced.
      hosts: [endpoint.replace(/^https/, 'http')],
      grpcOptions: {
        ...grpcOptions,
        ...distinct(),
        ...(tls && new TlsCredentials(endpoint, tls).clientOptions),
      },
      faultHandling: { host: () => noop, global: noop },
      defaultCallOptions: (): GrpcOptions => ({
        interceptors: [this.trackCall],
        deadline: Date.now() + callTimeoutMs,
      }),
    })
  }

  /** Rejects with an error of etcd3, whose message begins with the code of the call. */
  authenticate({
    username,
    password,
  }: NonNullable<EtcdOptions['auth']>): Promise<{ readonly token: string }> {
    return this.client.auth.authenticate({ name: username, password })
  }

  /** Ends the calls under way; grpc-js would leave them waiting until their deadlines. */
  close(reason: string): void {
    this.client.close()
    for (const call of this.calls) call.cancelWithStatus(status.UNAVAILABLE, reason)
  }

  private readonly trackCall: Interceptor = (options, nextCall) => {
    const call: InterceptingCall = new InterceptingCall(nextCall(options), {
      start: (metadata, _, next) => {
        // A member that has lost its leader then refuses at once, instead of after 7 s.
        metadata.set('hasleader', 'true')
        this.calls.add(call)
        next(metadata, {
          onReceiveMetadata: (received, nextMetadata) => {
            this.onHeard()
            nextMetadata(received)
          },
          onReceiveMessage: (message, nextMessage) => {
            this.onHeard()
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
