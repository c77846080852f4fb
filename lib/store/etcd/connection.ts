import { InterceptingCall, type Interceptor } from '@grpc/grpc-js'
import { noop } from 'cockatiel'
import { Etcd3 } from 'etcd3'
import { StoreError } from '../store-error.js'
import { classify, UNEXPLAINED } from './classify.js'
import type { EtcdOptions } from './options.js'
import { TlsCredentials } from './tls-credentials.js'
import { isTokenRefusal, Token } from './token.js'

/** Makes a member that has lost its leader refuse at once, instead of after 7 s. */
const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      metadata.set('hasleader', 'true')
      next(metadata, listener)
    },
  })

/** Below 5 s between pings etcd would cut the connection ("excess pings"). */
const grpcOptions = {
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 2_000,
  'grpc.max_receive_message_length': -1,
  // A proxy of the environment is for the web.
  'grpc.enable_http_proxy': 0,
}

let opened = 0

/**
 * Makes grpc-js connect anew: clients of equal options share a connection, also one that hangs because nobody
 * answers, and grpc-js never gives up on that by itself.
 */
const distinct = (): object => ({ 'grpc.primary_user_agent': `spicelock-${++opened}` })

/**
 * The way to etcd: one client at a time, on one endpoint, kept while it works. A client that fails is
 * closed and the next endpoint takes over, so that a black hole is left after one deadline. Nothing that may
 * have been applied is ever sent twice from here.
 */
export class Connection {
  private client: Etcd3 | undefined
  private endpoint = 0
  private closed = false
  /** What was said last of each endpoint that failed, for when nothing is said. */
  private readonly problems = new Map<string, string>()
  private readonly failureListeners = new Set<() => void>()

  constructor(private readonly options: EtcdOptions) {}

  /** The client in use. @throws StoreError `closed` */
  current(): Etcd3 {
    if (this.closed) throw new StoreError('closed', 'The connection to etcd is closed.')
    return (this.client ??= this.open())
  }

  /** One call, once; twice when etcd has refused it for its token, which means that nothing was applied. @throws StoreError */
  async call<T>(work: (client: Etcd3) => Promise<T>): Promise<T> {
    const client = this.current()
    const endpoint = this.options.endpoints[this.endpoint]!
    try {
      return await work(client).catch((error: unknown) => {
        if (this.isMendable(classify(error).message)) return work(client)
        throw error
      })
    } catch (error) {
      if (this.closed) throw new StoreError('unreachable', 'The connection was closed during the call.')
      const { reason, message } = classify(error)
      const isAgain = this.isMendable(message)
      if (reason !== 'unreachable' && !isAgain) throw classify(error)
      this.fail(client)
      if (message !== UNEXPLAINED) this.problems.set(endpoint, message)
      const problem = isAgain ? `a new token was refused as well: ${message}` : this.problems.get(endpoint)
      throw new StoreError('unreachable', `${endpoint}: ${problem ?? message}`, { cause: error })
    }
  }

  /** Whether a refusal is mended by a new token, which the next call carries. */
  isMendable(refusal: string): boolean {
    return this.options.auth !== undefined && isTokenRefusal(refusal)
  }

  /** Gives up on a client: the next call goes to the next endpoint with a new one. */
  fail(client: Etcd3): void {
    if (client !== this.client) return
    this.client = undefined
    if (this.options.failover) this.endpoint = (this.endpoint + 1) % this.options.endpoints.length
    client.close()
    for (const listener of this.failureListeners) listener()
  }

  /** Calls back whenever a client has been given up: streams on it are dead or may hang. */
  onFailure(listener: () => void): void {
    this.failureListeners.add(listener)
  }

  close(): void {
    this.closed = true
    this.client?.close()
    this.client = undefined
  }

  private open(): Etcd3 {
    const { endpoints, tls, auth, callTimeoutMs } = this.options
    const endpoint = endpoints[this.endpoint]!
    const token =
      auth && new Token(() => client.auth.authenticate({ name: auth.username, password: auth.password }))
    const client: Etcd3 = new Etcd3({
      // What etcd3 would make of https is replaced.
      hosts: [endpoint.replace(/^https/, 'http')],
      grpcOptions: {
        ...grpcOptions,
        ...distinct(),
        ...(tls && new TlsCredentials(endpoint, tls).clientOptions),
      },
      faultHandling: { host: () => noop, global: noop },
      defaultCallOptions: ({ isStream, method }) => {
        const bearer = method === 'authenticate' ? undefined : token?.bearer()
        return {
          interceptors: [requireLeader, ...(bearer ? [bearer.interceptor] : [])],
          ...(bearer && { credentials: bearer.credentials }),
          ...(!isStream && { deadline: Date.now() + callTimeoutMs }),
        }
      },
    })
    return client
  }
}
