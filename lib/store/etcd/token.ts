import {
  type CallCredentials,
  credentials,
  InterceptingCall,
  type Interceptor,
  Metadata,
  status,
} from '@grpc/grpc-js'
import { classify } from './classify.js'

/**
 * What etcd says, to a call or as the reason why it ends a watch, when it does not take the token (it has expired, or
 * users or roles have changed since, or authentication was off meanwhile) or wants one. It has applied nothing, and a new
 * token mends it.
 */
const REFUSALS = ['invalid auth token', 'revision of auth store is old', 'user name is empty']

/** Whether a call, or a watch, was refused for its token, or for having none. */
export function isTokenRefusal(message: string): boolean {
  return REFUSALS.some(refusal => message.includes(refusal))
}

/** For which etcd asks for no token. */
const RENEWAL = 'leaseKeepAlive'

/** How one call gets its token. */
interface Bearer {
  readonly credentials: CallCredentials
  readonly interceptor: Interceptor
}

/**
 * The token that a user's calls carry, asked for when the first of them needs it; none while authentication is switched
 * off in etcd, which then takes calls without one. etcd3 would ask on a connection of its own, which is never pinged,
 * closed or replaced: once that is dead, no call could authenticate any more.
 */
export class Token {
  private current: Promise<Metadata> | undefined

  constructor(private readonly ask: () => Promise<{ readonly token: string }>) {}

  /**
   * For the options of one call. Renewals go without a token when the user is refused: a lock is not lost because a
   * password is being changed. A token that etcd refuses is forgotten, unless another has replaced it meanwhile: all calls
   * that were refused with it share the next.
   */
  bearer(method: string): Bearer {
    let used: Promise<Metadata> | undefined
    const forget = (): void => {
      if (this.current === used) this.current = undefined
    }
    return {
      credentials: credentials.createFromMetadataGenerator((_, callback) => {
        used = this.get()
        used.then(
          metadata => callback(null, metadata),
          (error: unknown) => {
            const { reason, message } = classify(error)
            if (reason === 'refused' && method === RENEWAL) return callback(null, new Metadata())
            const code = reason === 'refused' ? status.PERMISSION_DENIED : status.UNAVAILABLE
            callback(Object.assign(new Error(message), { code }))
          },
        )
      }),
      interceptor: (options, nextCall) =>
        new InterceptingCall(nextCall(options), {
          start: (metadata, _, next) =>
            next(metadata, {
              onReceiveMessage: (message: { cancelReason?: string } | null, nextMessage) => {
                if (isTokenRefusal(message?.cancelReason ?? '')) forget()
                nextMessage(message)
              },
              onReceiveStatus: (received, nextStatus) => {
                if (!isTokenRefusal(received.details)) return nextStatus(received)
                forget()
                // etcd3 knows one of them by its whole name, and would repeat the call for ever.
                nextStatus({ ...received, details: received.details.replace('etcdserver: ', '') })
              },
            }),
        }),
    }
  }

  private get(): Promise<Metadata> {
    const asking = (this.current ??= this.authenticate())
    asking.catch(() => {
      if (this.current === asking) this.current = undefined
    })
    return asking
  }

  private async authenticate(): Promise<Metadata> {
    try {
      return Metadata.fromHttp2Headers({ token: (await this.ask()).token })
    } catch (error) {
      if (classify(error).message.includes('authentication is not enabled')) return new Metadata()
      throw error
    }
  }
}
