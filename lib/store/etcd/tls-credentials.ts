import { isIP, type Socket } from 'node:net'
import { connect } from 'node:tls'
import {
  Channel,
  ChannelCredentials,
  type ClientOptions,
  credentials as callCredentials,
} from '@grpc/grpc-js'
import type { Certificates } from './options.js'

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>

/**
 * How grpc-js connects with TLS. Its own credentials keep the certificates with which they were made, for all connections of
 * a client, and send an address as the name of the server, which TLS forbids and Node warns of. (The methods with an
 * underscore are those that grpc-js calls: its version is fixed in package.json.)
 */
export class TlsCredentials extends ChannelCredentials {
  /** @param certificates is asked for each connection. */
  constructor(
    private readonly endpoint: string,
    private readonly certificates: () => Certificates,
  ) {
    super()
  }

  /** Options of an etcd3 client that make it connect with these credentials instead of those that etcd3 makes itself. */
  get clientOptions(): Pick<ClientOptions, 'channelFactoryOverride'> {
    return { channelFactoryOverride: (target, _, options) => new Channel(target, this, options) }
  }

  override _isSecure(): boolean {
    return true
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this
  }

  override _createSecureConnector(
    ...[, , credentials = callCredentials.createEmpty()]: Parameters<
      ChannelCredentials['_createSecureConnector']
    >
  ): Connector {
    return {
      connect: async socket => ({ socket: await this.secure(socket), secure: true }),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => credentials,
      destroy: () => {},
    }
  }

  private secure(socket: Socket): Promise<Socket> {
    const host = new URL(this.endpoint).hostname.replace(/^\[|\]$/g, '')
    return new Promise((resolve, reject) => {
      const secured = connect(
        {
          socket,
          ...this.certificates(),
          // The certificate must be for the host in any case.
          host,
          ...(isIP(host) === 0 && { servername: host }),
          rejectUnauthorized: true,
          ALPNProtocols: ['h2'],
        },
        () => resolve(secured),
      )
      secured.on('error', reject)
    })
  }
}
