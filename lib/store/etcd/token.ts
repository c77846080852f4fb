import { credentials, InterceptingCall, type Interceptor, Metadata, status } from '@grpc/grpc-js'
import { classify } from './classify.js'

/**
 * The token that a user's calls carry, asked for when the first of them needs it. etcd3 would ask on a connection of
 * its own, which is never pinged, closed or replaced: once that is dead, nobody could authenticate any more.
 */
export class Token {
  /** For the options of a call: adds the token. */
  readonly credentials = credentials.createFromMetadataGenerator((_, callback) => {
    this.get().then(
      metadata => callback(null, metadata),
      (error: unknown) => {
        const { reason, message } = classify(error)
        const code = reason === 'refused' ? status.PERMISSION_DENIED : status.UNAVAILABLE
        callback(Object.assign(new Error(message), { code }))
      },
    )
  })

  /** Forgets a token that has expired; etcd3 then repeats the call, which etcd has not looked at. */
  readonly forgetExpired: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _, next) =>
        next(metadata, {
          onReceiveStatus: (received, nextStatus) => {
            if (received.details.includes('invalid auth token')) this.current = undefined
            nextStatus(received)
          },
        }),
    })

  private current: Promise<Metadata> | undefined

  constructor(private readonly ask: () => Promise<{ readonly token: string }>) {}

  private get(): Promise<Metadata> {
    const asking = (this.current ??= this.ask().then(({ token }) => Metadata.fromHttp2Headers({ token })))
    asking.catch(() => {
      if (this.current === asking) this.current = undefined
    })
    return asking
  }
}
